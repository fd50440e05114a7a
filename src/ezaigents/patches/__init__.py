"""From a proposed patch to the workspace. Job: apply it, or say why not. Not its job: making it (workspace)."""
