"""One who hands in work. Job: submit planned batches, and repeat each whose answer is unknown, until all are known.

Its own history files are its journal: killed and started again, it repeats the batch that was not acknowledged,
half of the time under fresh ids, so that only the idempotency keys tell that it was there before. Now and then it
cuts its own connection in mid-call, and repeats a batch that was acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from tests.chaos.history import EventLog, Phase, Submit, now_s, read_history
from tests.chaos.worker import AGENT
from tests.chaos.workload import PlannedTask, Shape, payload_of, plan_batch

from ezaigents.client import Client
from ezaigents.clock import SystemClock
from ezaigents.engine import Connection, find_living
from ezaigents.errors import EngineDown, EzError
from ezaigents.home import home_id
from ezaigents.ids import IdMaker
from ezaigents.queue import Keys, Queue, load_scripts
from ezaigents.records import OnParentFailure, Run, TaskKind, TaskSpec
from ezaigents.settings import Settings
from ezaigents.workspace import place_id

_REPEAT_SHARE = 0.08
_CUT_AFTER_MOST_S = 0.004
_RECONNECT_S = 0.01


class SubmitterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a submitter process is told. `tasks`: how many in all; `per_s`: how many in a second, 0 = at once."""

    settings: Settings
    name: str
    history: str
    seed: int
    tasks: int
    per_s: float = 0.0
    shape: Shape = Shape()
    replaced: dict[str, tuple[str, str]] = {}
    fresh_ids: bool = True
    cut_share: float = 0.08


class _Journal:
    """What earlier lives of this submitter wrote: runs and ids tried, and ids acknowledged, by key."""

    def __init__(self, folder: Path, name: str) -> None:
        self.tried: dict[str, str] = {}
        self.known: dict[str, str] = {}
        self.runs: dict[str, str] = {}
        files = sorted(folder.glob(f"{name}-*.jsonl"))
        self.lives = len(files)
        for event in read_history(files):
            if isinstance(event, Submit):
                if event.phase is Phase.INVOKE:
                    self.tried.setdefault(event.key, event.task)
                    self.runs[event.key] = event.run
                elif event.phase is Phase.OK:
                    self.known[event.key] = event.task

    def next_batch(self) -> int:
        """The number of the first batch that is not acknowledged."""
        return 1 + max((int(key.split("-")[1]) for key in self.known), default=-1)


class Submitter:
    """See the module."""

    def __init__(self, options: SubmitterOptions) -> None:
        self._options = options
        self._who = f"{options.name}-{os.getpid()}"
        folder = Path(options.history)
        self._journal = _Journal(folder, options.name)
        self._log = EventLog(folder / f"{self._who}.jsonl", self._who)
        self._make_id = IdMaker(SystemClock())
        self._rng = random.Random(f"{options.seed}:{options.name}:{self._journal.lives}")
        self._identity = home_id(options.settings.home_path)
        self._place = place_id(self._identity, options.settings.workspace)
        self._scripts = load_scripts(options.replaced)
        self._connection: Connection | None = None

    async def run(self) -> None:
        """Submit until every planned task is acknowledged."""
        options, known = self._options, self._journal.known
        number, began_s, began_with = self._journal.next_batch(), time.monotonic(), len(known)
        while len(known) < options.tasks:
            batch = plan_batch(options.seed, options.name, number, options.tasks - len(known), options.shape)
            await self._submit_until_known(number, batch)
            if self._rng.random() < _REPEAT_SHARE:
                await self._submit_until_known(number, batch)
            number += 1
            if options.per_s:
                due_s = began_s + (len(known) - began_with) / options.per_s
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        if self._connection is not None:
            await self._connection.close()

    async def _submit_until_known(self, number: int, batch: Sequence[PlannedTask]) -> None:
        run_id = self._journal.runs.setdefault(batch[0].key, self._make_id())
        run = _run_of(run_id, self._options.settings, self._place)
        while True:
            ids = self._choose_ids(number, batch)
            specs = [_spec(task, ids[task.key], self._parents(task, ids), run) for task in batch]
            _note(self._log, Phase.INVOKE, batch, ids, run.id)
            try:
                known = await self._submit_once(specs, run)
            except EngineDown:
                _note(self._log, Phase.INFO, batch, ids)
                continue
            answered = {task.key: known[ids[task.key]] for task in batch}
            _note(self._log, Phase.OK, batch, answered)
            self._journal.known.update(answered)
            return

    def _choose_ids(self, number: int, batch: Sequence[PlannedTask]) -> dict[str, str]:
        """Ids by key: those tried before, or fresh ones where only the keys shall tell.

        A batch with parents of its own keeps its ids: they are part of its tasks' bodies.
        """
        tried, keys = self._journal.tried, {task.key for task in batch}
        inner = any(parent in keys for task in batch for parent in task.parents)
        fresh = self._options.fresh_ids and number % 2 == 1 and not inner
        ids = {key: self._make_id() if fresh or key not in tried else tried[key] for key in sorted(keys)}
        for key, task_id in ids.items():
            tried.setdefault(key, task_id)
        return ids

    def _parents(self, task: PlannedTask, ids: dict[str, str]) -> tuple[str, ...]:
        return tuple(ids.get(key) or self._journal.known[key] for key in task.parents)

    async def _submit_once(self, specs: Sequence[TaskSpec], run: Run) -> dict[str, str]:
        connection = await self._connected()
        queue = Queue(connection, Keys(self._identity), scripts=self._scripts, patience_s=0.0)
        call = asyncio.ensure_future(queue.submit(specs, run=run))
        if self._rng.random() < self._options.cut_share:
            await asyncio.wait([call], timeout=self._rng.random() * _CUT_AFTER_MOST_S)
            await connection.close()
            self._connection = None
        return await call

    async def _connected(self) -> Connection:
        while self._connection is None or not self._connection.connected:
            if self._connection is not None:
                await self._connection.close()
                self._connection = None
            try:
                engine = find_living(self._options.settings)
                if engine is not None:
                    fresh = Connection(engine.address, client_name="chaos-submitter")
                    await fresh.open()
                    self._connection = fresh
                    break
            except EzError:
                pass
            await asyncio.sleep(_RECONNECT_S)
        return self._connection


async def submit_once(settings: Settings, tasks: Sequence[PlannedTask], log: EventLog) -> None:
    """Hand in tasks in one call, from the test itself; their parents are among them."""
    make_id, identity = IdMaker(SystemClock()), home_id(settings.home_path)
    ids = {task.key: make_id() for task in tasks}
    place = place_id(identity, settings.workspace)
    run = _run_of(make_id(), settings, place)
    specs = [_spec(task, ids[task.key], tuple(ids[key] for key in task.parents), run) for task in tasks]
    _note(log, Phase.INVOKE, tasks, ids, run.id)
    async with Client.connect(settings, need_host=False) as client:
        known = await client.queue.submit(specs, run=run)
    _note(log, Phase.OK, tasks, {key: known[task_id] for key, task_id in ids.items()})


def _run_of(run_id: str, settings: Settings, place: str) -> Run:
    return Run(id=run_id, prompt="chaos", agent=AGENT, kind=TaskKind.ANALYZE, workspace=settings.workspace, place=place)


def _spec(task: PlannedTask, task_id: str, parents: tuple[str, ...], run: Run) -> TaskSpec:
    return TaskSpec(
        id=task_id, run=run.id, agent=AGENT, place=run.place, title=task.key,
        payload=payload_of(task.work), priority=task.priority, delay_ms=task.delay_ms,
        parents=parents, on_parent_failure=OnParentFailure(task.rule), key=task.key,
    )  # fmt: skip


def _note(log: EventLog, phase: Phase, tasks: Sequence[PlannedTask], ids: dict[str, str], run: str = "") -> None:
    at = now_s()
    log.write(
        *[
            Submit(
                at=at, who=log.who, phase=phase, key=task.key, task=ids[task.key], run=run, parents=task.parents,
                rule=task.rule, delay_ms=task.delay_ms, ends=task.ends,
            )
            for task in tasks
        ]
    )  # fmt: skip


def run_submitter(options: SubmitterOptions) -> None:
    """Submit everything, then return."""
    asyncio.run(Submitter(options).run())
