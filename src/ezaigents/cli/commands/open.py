"""`ez open`: the dashboard of the fleet that runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.access import Role
from ezaigents.cli.options import json_option

if TYPE_CHECKING:
    from ezaigents.client import Client

_NOWHERE = 3


@click.command("open")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.ADMIN.value,
    show_default=True,
    help="How far the session goes that the link makes.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the link, and open no browser.")
@json_option
def command(role: str, only_print: bool, as_json: bool) -> int:
    """Open the dashboard, or print a link to it.

    The link lets one browser in, once, within ten minutes. A browser is opened where one can be: at a terminal, with a
    display.

    Leaves with 3 when no fleet runs here, or none with a dashboard.
    """
    from ezaigents.access import Access
    from ezaigents.api import address_of, link_of
    from ezaigents.cli.fleet import ask_fleet, settings_here
    from ezaigents.cli.reached import site_port
    from ezaigents.cli.show import show_json, show_line
    from ezaigents.cli.talk import say_error

    settings = settings_here()
    port = site_port(settings.home_path) or ask_fleet(_port, need_host=True)
    if not port:
        say_error("the fleet runs without a dashboard; start one with `ez dashboard`")
        return _NOWHERE
    link = link_of(settings, port, Access(settings.home_path).give_link(Role(role)).text)
    if as_json:
        show_json({"address": address_of(settings, port), "link": link})
    elif only_print or not _opened(link):
        show_line(link)
    return 0


async def _port(client: Client) -> int:
    from ezaigents.cli.reached import site_port

    return site_port(client.settings.home_path, await client.hosts())


def _opened(link: str) -> bool:
    """Whether a browser took it. Text browsers would take the terminal, so a display is asked for."""
    import os
    import sys
    import webbrowser

    if not sys.stdout.isatty() or (sys.platform != "darwin" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()):
        return False
    return webbrowser.open(link)
