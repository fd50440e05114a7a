"""When the engine said what of which task. Job: one reader of the events, and waiting for moments by its clock."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection

from ezaigents.client import Client
from ezaigents.errors import EngineDown
from ezaigents.records import TERMINAL_STATES, TaskState

_QUIET_S = 2.0
_STUCK_S = 120.0
"""So long may nothing be heard of tasks that are waited for."""


class Hearing:
    """`moments`: the monotonic time at which each state of each task was first heard of."""

    def __init__(self) -> None:
        self.moments: dict[tuple[str, TaskState], float] = {}
        self._heard = asyncio.Condition()
        self._ended: BaseException | None = None

    async def wait_for_ends(self, task_ids: Collection[str]) -> dict[str, TaskState]:
        """Wait until each of these tasks has ended; how. Raises EngineDown where nothing is heard any more."""
        found: dict[str, TaskState] = {}
        async with self._heard:
            while True:
                found = {task: state for task in task_ids for state in TERMINAL_STATES if (task, state) in self.moments}
                if len(found) == len(task_ids):
                    return found
                if self._ended is not None:
                    raise EngineDown("the events of the fleet ended") from self._ended
                try:
                    async with asyncio.timeout(_STUCK_S):
                        await self._heard.wait()
                except TimeoutError:
                    raise EngineDown(f"{len(task_ids) - len(found)} tasks did not end") from None

    async def run(self, client: Client, since: str) -> None:
        """Hear, until cancelled."""
        try:
            async for batch in client.events(since=since, quiet_s=_QUIET_S):
                now_s = time.monotonic()
                async with self._heard:
                    for event in batch:
                        for task in event.tasks:
                            self.moments.setdefault((task, event.state), now_s)
                    self._heard.notify_all()
        except EngineDown as error:
            async with self._heard:
                self._ended = error
                self._heard.notify_all()


@contextlib.asynccontextmanager
async def hearing(client: Client) -> AsyncIterator[Hearing]:
    """Hear what happens from now on."""
    heard = Hearing()
    listening = asyncio.create_task(heard.run(client, await client.last_event()))
    try:
        yield heard
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
