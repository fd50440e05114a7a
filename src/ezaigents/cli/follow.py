"""Waiting for a run. Job: until it has ended, nobody is left to work on it, or the user had enough of waiting."""

from __future__ import annotations

import asyncio
import contextlib
import os
from enum import StrEnum

from ezaigents.cli.interrupt import Interrupts
from ezaigents.cli.processes import lives
from ezaigents.cli.progress import Display
from ezaigents.cli.rows import clock
from ezaigents.cli.talk import say
from ezaigents.client import Client, Progress
from ezaigents.codec import printable
from ezaigents.engine import living_hosts
from ezaigents.errors import EzError
from ezaigents.records import TaskState

_LOOK_S = 1.0
"""Between two looks at a process where the system has no pidfd."""


class End(StrEnum):
    """Why the waiting is over."""

    ENDED = "ended"
    DESERTED = "deserted"
    INTERRUPTED = "interrupted"


async def follow(client: Client, run_id: str, display: Display, interrupts: Interrupts) -> End:
    """Show the run's progress until one of the ends is reached. Raises EngineDown when the engine stays away."""
    watching = asyncio.ensure_future(_watch(client, run_id, display))
    deserted = asyncio.ensure_future(_deserted(client))
    interrupted = asyncio.ensure_future(interrupts.came.wait())
    waits = (watching, deserted, interrupted)
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        display.close()
        for wait in waits:
            if not wait.done():
                wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    if interrupted.done() and not interrupted.cancelled():
        return End.INTERRUPTED
    if watching.done() and not watching.cancelled():
        watching.result()
        return End.ENDED
    deserted.result()
    return End.DESERTED


async def _watch(client: Client, run_id: str, display: Display) -> None:
    told: set[tuple[str, str]] = set()
    async for progress in client.watch(run_id):
        display.show(progress)
        await _tell_who_asks(client, progress, told)


async def _tell_who_asks(client: Client, progress: Progress, told: set[tuple[str, str]]) -> None:
    """Say once of each question that a task waits for a person, and what to type; and why another is not tried now."""
    delayed = [one for event in progress.news if event.state is TaskState.DELAYED for one in event.tasks]
    for task in await client.queue.tasks(delayed):
        if task.waits_for_answer and (task.id, task.asks_id) not in told:
            told.add((task.id, task.asks_id))
            say(f"task {task.id} asks: {printable(task.asks)}")
            shows = f"`ez show --diff {task.id}` shows the patch; " if task.asks.startswith("apply ") else ""
            say(f"  {shows}`ez approve {task.id}` or `ez deny {task.id}`; it goes on then")
        elif task.error and not task.waits_for_answer and (task.id, task.error) not in told:
            told.add((task.id, task.error))
            say(f"task {task.id} waits until {clock(task.due_ms)}: {printable(task.error)}")


async def _deserted(client: Client) -> None:
    """Return when no host is left; woken by the end of a process, not by looking again and again."""
    while True:
        here, elsewhere = await _hosts(client)
        if not here and not elsewhere:
            return
        if not here:
            await asyncio.Event().wait()
        await _first_end(here)


async def _hosts(client: Client) -> tuple[set[int], bool]:
    """Process ids of the hosts of this machine, and whether there are others. The engine may be away just now."""
    pids = set(living_hosts(client.settings.home_path).values())
    elsewhere = False
    with contextlib.suppress(EzError):
        cards = await client.hosts(at_once=True)
        ours = os.uname().nodename
        pids |= {card.pid for card in cards if card.node == ours}
        elsewhere = any(card.node != ours for card in cards)
    return {pid for pid in pids if pid and lives(pid)}, elsewhere


async def _first_end(pids: set[int]) -> None:
    """Return when one of the processes has ended."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    descriptors = []
    try:
        for pid in pids:
            descriptor = os.pidfd_open(pid)
            descriptors.append(descriptor)
            loop.add_reader(descriptor, _set, ended)
        await ended
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):
        while all(lives(pid) for pid in pids):  # noqa: ASYNC110 - nothing here tells us of a process's end
            await asyncio.sleep(_LOOK_S)
    finally:
        for descriptor in descriptors:
            loop.remove_reader(descriptor)
            os.close(descriptor)


def _set(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
