"""A host in a process of its own, whose tasks say what to do: `python -m tests.integration.runtime.host_process JSON`.

Payloads: `die` kills the process, `slow` takes 50 ms, `long` never ends by itself, anything else is done at once.
Each effect is a line `<task> <host>` in `effects`. It says `up` when it works, and ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from ezaigents.agents import Context, Declared
from ezaigents.records import AgentCard, Claim, Result
from ezaigents.settings import Settings
from ezaigents.wiring import Fleet


class Told:
    """The agent."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._effects = Path(settings.workspace) / "effects"

    async def run(self, claim: Claim, context: Context) -> Result:
        if claim.payload == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if claim.payload == "slow":
            await asyncio.sleep(0.05)
        if claim.payload == "long":
            await asyncio.Event().wait()
        with self._effects.open("a") as file:
            file.write(f"{claim.id} {self._settings.name}\n")
        return Result(summary=f"by {self._settings.name}")

    async def close(self) -> None:
        """Nothing is held."""


async def _work(settings: Settings) -> None:
    declared = Declared(AgentCard(name="a", slots=4), Told)
    async with Fleet(settings, agents={"a": declared}) as fleet:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, fleet.stop)
        os.write(1, b"up\n")
        await fleet.run()


if __name__ == "__main__":
    asyncio.run(_work(msgspec.json.decode(sys.argv[1], type=Settings)))
