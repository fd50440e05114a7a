"""The commands of `ez`, one file each; `cli.app` loads the one that is asked for."""
