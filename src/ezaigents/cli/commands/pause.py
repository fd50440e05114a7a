"""`ez pause`: agents take no more tasks."""

from __future__ import annotations

import click

from ezaigents.cli.options import complete_agent, json_option


@click.command("pause")
@click.argument("agents", metavar="[AGENT]...", nargs=-1, shell_complete=complete_agent)
@click.option(
    "--provider", "providers", metavar="NAME", multiple=True, help="A provider of models, besides or instead of agents."
)
@json_option
def command(agents: tuple[str, ...], providers: tuple[str, ...], as_json: bool) -> int:
    """Let agents take no more tasks; without AGENT, all of them.

    Their tasks are accepted and wait; those at work go on to their next step and wait there. `ez resume` ends it, a
    restart does not. `ez stop --all` also hands back what is at work.
    """
    from ezaigents.cli.fleet import ask_fleet
    from ezaigents.cli.pausing import show_paused
    from ezaigents.records import PROVIDER

    names = (*agents, *(f"{PROVIDER}{name}" for name in providers))
    show_paused(ask_fleet(lambda client: client.operator.pause(names)), as_json=as_json)
    return 0
