"""A fleet whose agents do nothing, for measuring queue and runtime alone; a process: `python -m bench.null_fleet`.

The same Fleet as `ez up` starts; only the agents are others. Prints `ready in ...` on stderr like it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator

from ezaigents.agents import Context, Declared
from ezaigents.api import bind_listener
from ezaigents.dashboard import load_site
from ezaigents.records import AgentCard, Claim, Result
from ezaigents.settings import Settings, load_settings
from ezaigents.wiring import Fleet

_DONE = Result(summary="ok")


class NullAgent:
    """Does nothing; with `path`, notes the monotonic time of each start there."""

    async def run(self, claim: Claim, context: Context) -> Result:
        if claim.payload == "time":
            return Result(summary=f"{time.monotonic():.6f}")
        return _DONE

    async def close(self) -> None:
        pass


def _null(settings: Settings) -> NullAgent:
    return NullAgent()


def null_agents(count: int, slots: int) -> dict[str, Declared]:
    """`count` agents named null0, null1, ... that do nothing."""
    return {f"null{number}": Declared(AgentCard(name=f"null{number}", slots=slots), _null) for number in range(count)}


@contextlib.asynccontextmanager
async def _site(settings: Settings) -> AsyncIterator[None]:
    """The site, as `ez up` opens it."""
    listener = bind_listener(settings, load_site)
    listener.open()
    try:
        yield
    finally:
        await listener.close()


async def _main(count: int, slots: int, began_s: float, *, with_site: bool) -> None:
    settings = load_settings()
    async with contextlib.AsyncExitStack() as leaving:
        fleet = await leaving.enter_async_context(Fleet(settings, agents=null_agents(count, slots), started_at=began_s))
        if with_site:
            await leaving.enter_async_context(_site(settings))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, fleet.stop)
        sys.stderr.write(f"ready in {fleet.started_in_s:.3f} s\n")
        sys.stderr.flush()
        await fleet.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--agents", type=int, default=1)
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--site", action="store_true", help="open the dashboard and the API, too")
    chosen = parser.parse_args()
    asyncio.run(_main(chosen.agents, chosen.slots, time.monotonic(), with_site=chosen.site))
