"""`ez up`: start a fleet here."""

from __future__ import annotations

from typing import Any

import click

from ezaigents.cli.options import host_name, whole


@click.command("up")
@click.option("--detach", is_flag=True, help="Run in the background; returns when the fleet is ready.")
@click.option("--name", metavar="HOST", type=host_name, help="Name of the host; several may serve one data folder.")
@click.option(
    "--port",
    metavar="PORT",
    type=whole(0, 65535),
    help="Port of the dashboard, 0 = any that is free. [default: 3000, or one of the next]",
)
@click.option("--no-dashboard", is_flag=True, help="Run without the dashboard and the HTTP API.")
@click.option("--sim", is_flag=True, help="Simulated models: scripted answers, no key, no cost; all of it says so.")
@click.option(
    "--life", metavar="FD", type=whole(0, 65535), help="Stop when the other end of this descriptor is closed."
)
def command(
    detach: bool, name: str | None, port: float | None, no_dashboard: bool, sim: bool, life: float | None
) -> int:
    """Start a fleet here and keep it running.

    The fleet serves the workspace you stand in (the git top level, else the folder itself). The dashboard and the API
    answer on this machine alone, to those who have a token; the link that is printed lets one browser in, once.
    """
    words = {
        "name": name,
        "models": "simulated" if sim else None,
        "port": None if port is None else int(port),
        "dashboard": "off" if no_dashboard else None,
    }
    if detach:
        if life is not None:
            raise click.UsageError("--life is for a fleet in the foreground: leave out --detach")
        return _start_aside(words)
    from ezaigents.cli.launch import become_host

    become_host(**words, life=_open_descriptor(life))
    return 0


def _open_descriptor(number: float | None) -> int | None:
    """The descriptor, which must have come with us."""
    if number is None:
        return None
    import os

    try:
        os.fstat(int(number))
    except OSError:
        raise click.BadParameter(f"descriptor {number:g} is not open here", param_hint="--life") from None
    return int(number)


def _start_aside(words: dict[str, Any]) -> int:
    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.report import ready_lines
    from ezaigents.cli.show import show_line
    from ezaigents.cli.started import start_host
    from ezaigents.cli.talk import say

    host = start_host(settings_here(**words))
    for line in ready_lines(host.report, how_to_stop="`ez down`"):
        say(line)
    say(f"  log        {host.log}")
    show_line(str(host.pid))
    return 0
