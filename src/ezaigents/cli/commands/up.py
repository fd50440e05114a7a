"""`ez up`: start a fleet here."""

from __future__ import annotations

import click

from ezaigents.cli.options import host_name, not_yet, whole


@click.command("up")
@click.option("--detach", is_flag=True, help="Run in the background; returns when the fleet is ready.")
@click.option("--name", metavar="HOST", type=host_name, help="Name of the host; several may serve one data folder.")
@click.option(
    "--port",
    metavar="PORT",
    type=whole(1, 65535),
    default=3000,
    show_default=True,
    help="Port of the dashboard.",
)
@click.option("--no-dashboard", is_flag=True, help="Run without the dashboard.")
@not_yet("--sim", "there are no simulated models")
def command(detach: bool, name: str | None, port: int, no_dashboard: bool) -> int:
    """Start a fleet here and keep it running.

    The fleet serves the workspace you stand in (the git top level, else the folder itself). This version has no
    dashboard: --port and --no-dashboard are accepted and change nothing.
    """
    del port, no_dashboard
    if detach:
        return _start_aside(name)
    from ezaigents.cli.launch import become_host

    become_host(name)
    return 0


def _start_aside(name: str | None) -> int:
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.report import ready_lines
    from ezaigents.cli.show import show_line
    from ezaigents.cli.started import start_host
    from ezaigents.cli.talk import say

    host = start_host(settings_here(name=name))
    for line in ready_lines(host.report, how_to_stop="`ez down`"):
        say(line)
    say(f"  log        {host.log}")
    show_line(str(host.pid))
    return 0
