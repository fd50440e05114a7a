"""A host with scripted agents, in a process of its own: `python -m tests.integration.cli.scripted_host NAME...`

Its settings come from the environment, as those of `ez up`. It says `up` when it works, and ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.integration.coordination.scripted import Scripted, scripted

from ezaigents.settings import load_settings
from ezaigents.wiring import Fleet


async def _work(names: list[str]) -> None:
    settings = load_settings(cwd=Path(os.environ["EZ_WORKSPACE"]))
    agents = {name: scripted(Scripted(), name, capabilities=("edits",)) for name in names}
    async with Fleet(settings, agents=agents) as fleet:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, fleet.stop)
        os.write(1, b"up\n")
        await fleet.run()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1:]))
