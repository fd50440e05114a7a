"""The server as a process. Job: run until a signal, or until the process that it was started for is gone.

Not its job: options (`__main__`, `ez sim`).
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Callable

from ezaigents.simulate.simulated import SimulatedModels


def serve(models: SimulatedModels, listening: Callable[[str], None], *, life: int = -1) -> None:
    """Serve until SIGTERM or SIGINT; `listening` is called with the URL. `life`: ends when this descriptor does."""
    _allow_files()
    asyncio.run(_serve(models, listening, life))


async def _serve(models: SimulatedModels, listening: Callable[[str], None], life: int) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    if life >= 0:
        os.set_blocking(life, False)
        loop.add_reader(life, _look, life, over)
    async with models:
        listening(models.url)
        await over.wait()
    if life >= 0:
        loop.remove_reader(life)


def _look(life: int, over: asyncio.Event) -> None:
    """What is written there means nothing; its end means that nobody needs us any more."""
    try:
        if not os.read(life, 1024):
            over.set()
    except BlockingIOError:
        pass
    except OSError:
        over.set()


def _allow_files() -> None:
    """A stream is a descriptor: as many as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16_384 if hard == resource.RLIM_INFINITY else min(hard, 16_384)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
