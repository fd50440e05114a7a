"""What was taken comes to its end. Job: notice that, write the result, tell old readers. Not its job: taking (bridge).

An entry leaves the hash of the old server in the step in which its end is told there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from ezaigents.errors import EngineDown, EzError
from ezaigents.ids import ID_LENGTH
from ezaigents.legacy.results import failure_words, result_words, why_failed, write_result
from ezaigents.legacy.server import OldServerDown, noted_key
from ezaigents.legacy.sources import Source
from ezaigents.records import TERMINAL_STATES, TaskState

if TYPE_CHECKING:
    from ezaigents.client import Client
    from ezaigents.legacy.server import OldServer
    from ezaigents.records import Task

_BATCH = 100


class BridgeFigures(msgspec.Struct, kw_only=True):
    """What a bridge did. `left`: taken, and not ended yet; the next bridge goes on with them."""

    taken: int = 0
    handed_over: int = 0
    failed: int = 0
    refused: int = 0
    left: int = 0


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in the hash, and what is needed at its end."""

    nonce: str
    source: Source
    file: str = ""
    name: str = ""
    old_id: str = ""

    @property
    def run(self) -> str:
        return self.nonce[:ID_LENGTH]

    @property
    def task(self) -> str:
        return self.nonce[ID_LENGTH:]


class HandingOver:
    """The entries of one bridge that are under way: `open`, by task. `home`: the id of our data folder."""

    def __init__(self, server: OldServer, client: Client, home: str, say: Callable[[str], None]) -> None:
        self._server = server
        self._client = client
        self._say = say
        self._taken_key, self._out_key, self.refused_key = (
            noted_key(home, what) for what in ("taken", "out", "refused")
        )
        self.open: dict[str, Taken] = {}
        self.figures = BridgeFigures()

    async def refuse(self, taken: Taken, why: str) -> None:
        """No task can be made of it: it is kept there, among the refused, and counts as failed."""
        if await self.tell(taken, refused=why, failure=_failure(taken, why)):
            self.figures.refused += 1

    async def follow(self, since: str) -> None:
        """Hand over what has ended, as it ends, for ever."""
        async for batch in self._client.events(since=since):
            ended = [one for event in batch if event.state in TERMINAL_STATES for one in event.tasks]
            await self._end([one for one in ended if one in self.open])

    async def look_at_open(self) -> None:
        """The same for ends that nobody heard of."""
        ids = list(self.open)
        for start in range(0, len(ids), _BATCH):
            tasks = await self._client.queue.tasks(ids[start : start + _BATCH])
            gone = set(ids[start : start + _BATCH]) - {task.id for task in tasks}
            await self._end([*(task.id for task in tasks if task.state in TERMINAL_STATES), *gone])

    async def _end(self, task_ids: Sequence[str]) -> None:
        try:
            tasks = await self._client.tasks(list(dict.fromkeys(task_ids))) if task_ids else []
        except EngineDown:
            return  # as below
        for task in tasks:
            taken = self.open.get(task.id)
            if taken is not None and task.state in TERMINAL_STATES:
                try:
                    await self._end_one(taken, task)
                except OldServerDown:
                    return  # it stays open, and is looked at when the server is back

    async def _end_one(self, taken: Taken, task: Task) -> None:
        """Hand over, and count it where nobody else has done so in between."""
        if task.state is TaskState.DONE:
            await asyncio.to_thread(self._write, taken, task)
            if await self.tell(taken, result=result_words(task, taken.old_id), status="completed"):
                self.figures.handed_over += 1
        elif await self.tell(taken, failure=_failure(taken, why_failed(task)), status="failed"):
            self.figures.failed += 1
        self.open.pop(task.id, None)

    def _write(self, taken: Taken, task: Task) -> None:
        settings = self._client.settings
        try:
            write_result(task, taken.file, taken.name, home=settings.home_path, workspace=settings.workspace_path)
        except (EzError, OSError) as error:
            self._say(f"the result of {task.id} is not where old readers look: {error}; `ez show {task.id}` has it")

    async def tell(
        self, taken: Taken, *, failure: bytes = b"", result: bytes = b"", status: str = "", refused: str = ""
    ) -> bool:
        """Take it out of the hash and tell old readers, in one step; False = that was done before."""
        keys = [
            self._taken_key, self._out_key, taken.source.processing, "queue:failures", "task:results", "queue:tasks",
            self.refused_key, taken.source.key,
        ]  # fmt: skip
        args = (taken.nonce, failure, taken.old_id, result, status, refused, "")
        return bool(await self._server.run("hand_over", keys, *args))


def _failure(taken: Taken, why: str) -> bytes:
    return failure_words(taken.old_id or taken.task, taken.source.agent, taken.source.lane, taken.file, why)
