"""`ez resume`: agents take tasks again."""

from __future__ import annotations

import click

from ezaigents.cli.options import complete_agent, json_option


@click.command("resume")
@click.argument("agents", metavar="[AGENT]...", nargs=-1, shell_complete=complete_agent)
@json_option
def command(agents: tuple[str, ...], as_json: bool) -> int:
    """Let agents that were paused take tasks again; without AGENT, everything that is paused."""
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.pausing import show_paused

    show_paused(ask_fleet(lambda client: client.operator.resume(agents)), as_json=as_json)
    return 0
