"""`ez legacy rollback`: unfinished tasks go back into the old queues. Job: plan, end here, put back there, each once.

The plan is in the manifest before anything is ended, and the old server notes what was put back in the step that puts
it there; so whatever dies in between, the next rollback ends what is open and puts back what is missing, nothing
twice. An imported or bridged entry goes back byte for byte; a task that was made here as the simplest shape there was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ezaigents.agents.model.brief import decode_brief
from ezaigents.client import Sought, read_beneath
from ezaigents.codec import to_json
from ezaigents.errors import InputError
from ezaigents.home import home_id
from ezaigents.legacy.manifest import Going, Manifest, Moved
from ezaigents.legacy.names import MODELS, Part
from ezaigents.legacy.reading import read_all
from ezaigents.legacy.report import LISTED_MOST, ImportReport
from ezaigents.legacy.scratch import Scratch
from ezaigents.legacy.server import noted_key, taken_from
from ezaigents.legacy.sources import sources_of
from ezaigents.legacy.survey import survey
from ezaigents.records import OPEN_STATES, TaskState

if TYPE_CHECKING:
    from ezaigents.client import Client
    from ezaigents.legacy.server import OldServer
    from ezaigents.records import Task

_PAGE = 500
_LOOK_S = 0.05
AS_IT_WAS, BRIDGED, STANDS, MADE = "as it was", "as it was, by the bridge", "stands there still", "file and prompt"
_NOTE = "returned"


class RollbackRow(msgspec.Struct, frozen=True, kw_only=True):
    """A task that goes back, or stays. `to`: the old queue, "" = none. `how`: in which shape, or why not."""

    task: str
    agent: str
    title: str
    to: str
    how: str


class RollbackReport(msgspec.Struct, kw_only=True):
    """The whole. `going`, `staying`: the first 1,000 each; the counts have them all.

    `finished`: done here before they could be ended. `running`: not ended in time, still planned. `done_there_too`:
    entries that stand in the old queues although their tasks have ended here.
    """

    done: bool
    server: str
    going: list[RollbackRow] = msgspec.field(default_factory=list)
    going_count: int = 0
    staying: list[RollbackRow] = msgspec.field(default_factory=list)
    staying_count: int = 0
    returned: int = 0
    finished: int = 0
    running: int = 0
    done_there_too: int = 0


class _Left(Exception):
    """A task that has no place in the old system; the message says why."""


class Rollback:
    """One rollback. `wait_s`: how long running tasks may take to end."""

    def __init__(
        self, server: OldServer, client: Client, *, wait_s: float = 30.0, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self._server = server
        self._client = client
        self._wait_s = wait_s
        self._say = say
        home = client.settings.home_path
        self._home: Path = home
        self._id = home_id(home)
        self._sources = sources_of({})

    async def look(self) -> RollbackReport:
        """Say what would go back, without changing anything anywhere."""
        report = RollbackReport(done=False, server=str(self._server))
        with ExitStack() as leaving:
            scratch = leaving.enter_context(Scratch())
            manifest = Manifest.look(self._home)
            if manifest is not None:
                leaving.enter_context(manifest)
                report.going_count = self._count_planned(manifest)
            await self._plan(manifest, scratch, report)
        return report

    async def go_back(self) -> RollbackReport:
        """Do it. Raises OldServerDown, EngineDown, OldServerRefuses; run again, it goes on."""
        report = RollbackReport(done=True, server=str(self._server))
        with Manifest(self._home) as manifest, Scratch() as scratch:
            await self._return_planned(manifest, report)
            await self._plan(manifest, scratch, report, go=True)
            await self._return_planned(manifest, report)
        return report

    # -- plan ----------------------------------------------------------------------------------------------------

    async def _plan(
        self, manifest: Manifest | None, scratch: Scratch, report: RollbackReport, *, go: bool = False
    ) -> None:
        await self._note_what_stands(scratch, manifest)
        after, standing = "", 0
        while True:
            page = await self._client.page(Sought(states=OPEN_STATES), most=_PAGE, after=after)
            planned = await self._planned(page.tasks, manifest, scratch, report)
            standing += sum(one.how == STANDS for one in planned)
            if go and manifest is not None:
                manifest.plan_going(planned)
            if not page.next:
                break
            after = page.next
        if manifest is not None:
            report.done_there_too = max(0, self._standing(manifest, scratch) - standing)

    async def _planned(
        self, tasks: Sequence[Task], manifest: Manifest | None, scratch: Scratch, report: RollbackReport
    ) -> list[Going]:
        if not tasks:
            return []
        taken = await self._server.call("HMGET", noted_key(self._id, "taken"), *[one.run + one.id for one in tasks])
        planned = []
        for task, value in zip(tasks, taken, strict=True):
            if manifest is not None and manifest.is_going(task.id):
                continue
            try:
                planned.append(await self._way_back(task, value, manifest, scratch))
            except _Left as why:
                report.staying_count += 1
                if len(report.staying) < LISTED_MOST:
                    report.staying.append(_row(task, "", str(why)))
                continue
            report.going_count += 1
            if len(report.going) < LISTED_MOST:
                report.going.append(_row(task, planned[-1].key, planned[-1].how))
        return planned

    async def _way_back(self, task: Task, taken: bytes | None, manifest: Manifest | None, scratch: Scratch) -> Going:
        if task.place != self._client.place:
            raise _Left("it is of another workspace; go back from there")
        if taken is not None:
            key, _ = taken_from(taken)
            return Going(task=task.id, run=task.run, key=key, raw=taken, how=BRIDGED)
        moved = manifest.of_task(task.id) if manifest is not None else None
        if moved is not None and manifest is not None:
            stands = moved.entry.part is Part.PROJECT or (
                manifest.is_live(task.id) and scratch.was_seen("there", moved.entry.digest)
            )
            how = STANDS if stands else AS_IT_WAS
            return Going(
                task=task.id, run=task.run, key="" if stands else _queue_of(moved), raw=moved.entry.raw, how=how
            )
        raw = await self._made_here(task)
        return Going(task=task.id, run=task.run, key=f"queue:{MODELS[task.agent]}", raw=raw, how=MADE)

    async def _made_here(self, task: Task) -> bytes:
        """`{"file", "prompt"}`, the shape that every old agent took. Raises _Left."""
        if task.agent not in MODELS:
            raise _Left(f"the old system has no agent {task.agent}")
        run = await self._client.run(task.run)
        prompt = run.prompt if run is not None else ""
        if run is not None and run.prompt_file:
            kept = await asyncio.to_thread(read_beneath, self._home, run.prompt_file)
            prompt = kept.decode("utf-8", "replace") if kept is not None else ""
        if not prompt:
            raise _Left("its prompt is gone")
        payload = await self._client.queue.read("HGET", self._client.queue.keys.task(task.id), "payload")
        try:
            paths = decode_brief(self._home, (payload or b"").decode()).paths
        except InputError as error:
            raise _Left(str(error)) from None
        if not paths:
            raise _Left("it names no file, and the old agents need one")
        if len(paths) > 1:
            prompt += "\n\nFiles:\n" + "\n".join(f"- {path}" for path in paths)
        return to_json({"file": paths[0], "prompt": prompt})

    async def _note_what_stands(self, scratch: Scratch, manifest: Manifest | None) -> None:
        if manifest is None or not manifest.live(most=1):
            return
        found = ImportReport(done=False, server="")
        await survey(self._server, scratch, found)
        async for window in read_all(self._server, scratch, found, self._id):
            for one in window:
                if not one.passed_over:
                    scratch.times("there", one.entry.digest)

    @staticmethod
    def _standing(manifest: Manifest, scratch: Scratch) -> int:
        """How many imported entries stand in the old queues still."""
        count, after = 0, ""
        while rows := manifest.live(after):
            after = rows[-1].task
            count += sum(bool(scratch.was_seen("there", row.entry.digest)) for row in rows)
        return count

    @staticmethod
    def _count_planned(manifest: Manifest) -> int:
        count, after = 0, ""
        while rows := manifest.going(after):
            after = rows[-1].task
            count += len(rows)
        return count

    # -- return --------------------------------------------------------------------------------------------------

    async def _return_planned(self, manifest: Manifest, report: RollbackReport) -> None:
        """End each here, then put it back there, oldest first; what does not end in time stays planned."""
        report.running, after = 0, ""
        while rows := manifest.going(after):
            after = rows[-1].task
            await self._client.cancel([one.task for one in rows])
            ended = await self._ended([one.task for one in rows])
            finished = [one.task for one in rows if ended.get(one.task) is TaskState.DONE]
            back = [one for one in rows if one.task in ended and one.task not in finished]
            for one in back:
                await self._put_back(one)
            manifest.gone(finished, returned=False)
            manifest.gone([one.task for one in back], returned=True)
            if back:
                await self._server.call("HDEL", noted_key(self._id, _NOTE), *[one.task for one in back])
            report.finished += len(finished)
            report.returned += len(back)
            report.running += len(rows) - len(finished) - len(back)

    async def _ended(self, ids: Sequence[str]) -> dict[str, TaskState]:
        """How they ended; without those that go on. One that nobody knows any more counts as cancelled."""
        until_s = time.monotonic() + self._wait_s
        while True:
            tasks = {task.id: task.state for task in await self._client.tasks(ids)}
            states = {one: tasks.get(one, TaskState.CANCELLED) for one in ids}
            if all(state.terminal for state in states.values()) or time.monotonic() > until_s:
                return {one: state for one, state in states.items() if state.terminal}
            await asyncio.sleep(_LOOK_S)

    async def _put_back(self, one: Going) -> None:
        if one.how == BRIDGED:
            processing = self._sources[one.key].processing if one.key in self._sources else f"processing:{one.key[6:]}"
            keys = [
                noted_key(self._id, "taken"), noted_key(self._id, "out"), processing, "queue:failures", "task:results",
                "queue:tasks", noted_key(self._id, "refused"), one.key,
            ]  # fmt: skip
            await self._server.run("hand_over", keys, one.run + one.task, "", "", "", "", "", "1")
        elif one.key:
            where = "tail" if one.key.startswith("dlq:") else "head"
            key = one.key.encode("utf-8", "surrogateescape")
            await self._server.run("put_back", [noted_key(self._id, _NOTE), key], one.task, one.raw, where)


def _queue_of(moved: Moved) -> str:
    """Where an entry goes: back to its list; what was at work there goes to the queue it came from."""
    entry = moved.entry
    if entry.part in {Part.PROCESSING, Part.PROCESSING_HASH}:
        return f"queue:{entry.lane}"
    return "queue:todos" if entry.part is Part.TODOS_TAKEN else entry.key


def _row(task: Task, to: str, how: str) -> RollbackRow:
    return RollbackRow(task=task.id, agent=task.agent, title=task.title, to=to, how=how)
