"""`ez dashboard`: the dashboard in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ezaigents.cli.options import whole

if TYPE_CHECKING:
    from ezaigents.settings import Settings


@click.command("dashboard")
@click.option(
    "--port",
    metavar="PORT",
    type=whole(0, 65535),
    help="Port to listen on, 0 = any that is free. [default: 3000, or one of the next]",
)
def command(port: float | None) -> int:
    """Serve the dashboard and the HTTP API from a process of its own, until Ctrl-C.

    For a fleet that was started with --no-dashboard, or to keep the weight of the site apart from the host. It
    stays while the fleet is away, and goes on when that is back. `ez open` and `ez status` find it.

    Leaves with 3 when no fleet runs here.
    """
    import asyncio

    from ezaigents.cli.fleet import settings_here
    from ezaigents.cli.talk import say

    asyncio.run(_serve(settings_here(port=None if port is None else int(port))))
    say("the dashboard is stopped")
    return 0


async def _serve(settings: Settings) -> None:
    import asyncio
    import signal

    from ezaigents.access import Access
    from ezaigents.api import SiteLock, bind_listener, link_of
    from ezaigents.cli.talk import say
    from ezaigents.client import Client
    from ezaigents.dashboard import load_site

    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with Client.connect(settings, need_host=False):
        pass  # only a fleet that is there has something to show
    listener = bind_listener(settings, load_site, otherwise="")
    lock = SiteLock(settings.home_path)
    try:
        lock.acquire(listener.port)
        listener.open()
        access = Access(settings.home_path)
        access.own_token()
        link = link_of(settings, listener.port, access.give_link().text)
        say(f"dashboard  {link} (good once; `ez open` makes another)")
        say("Ctrl-C ends it; the fleet goes on")
        await over.wait()
    finally:
        await listener.close()
        lock.release()
