"""A fleet whose agents do nothing, for measuring queue and runtime alone; a process: `python -m bench.null_fleet`.

The same Fleet as `ez up` starts; only the agents are others. Prints `ready in ...` on stderr like it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time

from ezaigents.agents import Context, Declared
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


async def _main(count: int, slots: int, began_s: float) -> None:
    settings = load_settings()
    async with Fleet(settings, agents=null_agents(count, slots), started_at=began_s) as fleet:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, fleet.stop)
        sys.stderr.write(f"ready in {fleet.started_in_s:.3f} s\n")
        sys.stderr.flush()
        await fleet.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--agents", type=int, default=1)
    parser.add_argument("--slots", type=int, default=1000)
    chosen = parser.parse_args()
    asyncio.run(_main(chosen.agents, chosen.slots, time.monotonic()))
