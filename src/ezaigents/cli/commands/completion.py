"""`ez completion`: the completion script of a shell."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    bash: add   eval "$(ez completion bash)"   to ~/.bashrc
    zsh:  add   eval "$(ez completion zsh)"    to ~/.zshrc
    fish: ez completion fish > ~/.config/fish/completions/ez.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from ezaigents.cli.app import COMPLETING, group
    from ezaigents.cli.show import show_line

    kind = get_completion_class(shell)
    assert kind is not None
    # Not the subclass's own method: for bash it would start a bash only to look at its version.
    show_line(ShellComplete.source(kind(group, {}, "ez", COMPLETING)))
    return 0
