"""A fleet in the test's own process, with agents made of one function each.

    async with working(settings, agent(do)) as yard:
        ids = await yard.hand_in(10)
        tasks = await yard.ended(ids)

On leaving, the host has wound down, its tables are empty, and fsck finds nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.leaks import until

from ezaigents.agents import Context, Declared
from ezaigents.client import Client
from ezaigents.clock import SystemClock
from ezaigents.engine import BlockingConnection, Connection
from ezaigents.home import open_home
from ezaigents.ids import IdMaker
from ezaigents.queue import Keys, Queue, load_scripts
from ezaigents.queue.fsck import check
from ezaigents.records import AgentCard, Claim, Result, Run, Task, TaskKind, TaskSpec, TaskState
from ezaigents.settings import Settings
from ezaigents.wiring import Fleet
from ezaigents.workspace import place_id

Do = Callable[[Claim, Context], Awaitable[Result]]
make_id = IdMaker(SystemClock())
NO_WAKE = ("call('PUBLISH', P .. 'wake:' .. lane, lane)", "")
"""Taken out of a script, its hint that a lane has work is lost."""
NO_CANCEL_HINT = ("call('PUBLISH', P .. 'ctl:' .. h[6], 'cancel ' .. id .. ' ' .. h[5])", "")


class FunctionAgent:
    """An agent that is one function."""

    def __init__(self, do: Do) -> None:
        self._do = do
        self.closed = 0

    async def run(self, claim: Claim, context: Context) -> Result:
        return await self._do(claim, context)

    async def close(self) -> None:
        self.closed += 1


def agent(do: Do, name: str = "a", *, slots: int = 4, task_bytes: int = 1024) -> Declared:
    """Declare a function as an agent."""
    return Declared(AgentCard(name=name, slots=slots, task_bytes=task_bytes), lambda settings: FunctionAgent(do))


async def at_once(claim: Claim, context: Context) -> Result:
    """Work that is done."""
    return Result(summary="done")


class Bench:
    """Work that waits until it is let go; keeps what began, what ended, and how it was stopped."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ended: list[str] = []
        self.stopped: list[str] = []
        self.most = 0
        self.go = asyncio.Event()

    @property
    def now(self) -> int:
        return len(self.began) - len(self.ended) - len(self.stopped)

    async def do(self, claim: Claim, context: Context) -> Result:
        self.began.append(claim.id)
        self.most = max(self.most, self.now)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.stopped.append(claim.id)
            raise
        self.ended.append(claim.id)
        return Result(summary="done")


class Yard:
    """A fleet at work and a client of it."""

    def __init__(self, fleet: Fleet, client: Client, working: asyncio.Task[None]) -> None:
        self.fleet = fleet
        self.client = client
        self.queue = client.queue
        self.working = working

    async def hand_in(self, count: int = 1, **spec: Any) -> list[str]:
        """Submit `count` tasks alike; returns their ids."""
        return await hand_in(self.queue, self.client.place, count, **spec)

    async def ended(self, ids: Sequence[str], limit_s: float = 20.0) -> list[Task]:
        """Wait until none of the tasks is open, and return them."""

        async def over() -> bool:
            return all(task.state.terminal for task in await self.queue.tasks(ids))

        await until(over, limit_s)
        return await self.client.tasks(ids)

    async def task(self, task_id: str) -> Task:
        return await self.queue.task(task_id)

    def deaf_queue(self, **replaced: tuple[str, str]) -> Queue:
        """The same queue with something taken out of its scripts."""
        return Queue(self.client._connection, self.queue.keys, scripts=load_scripts(replaced))

    def kill_engine(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self.fleet.engine.pid is not None
        os.kill(self.fleet.engine.pid, how)


async def hand_in(queue: Queue, place: str, count: int = 1, **spec: Any) -> list[str]:
    """Submit `count` tasks alike as one run."""
    run = Run(id=make_id(), prompt="x", agent="a", kind=TaskKind.ANALYZE, workspace="/w", place=place)
    fields: dict[str, Any] = {"agent": "a", "place": place, "run": run.id, **spec}
    specs = [TaskSpec(id=make_id(), **fields) for _ in range(count)]
    known = await queue.submit(specs, run=run)
    return [known[spec.id] for spec in specs]


@asynccontextmanager
async def working(settings: Settings, *agents: Declared, judged: bool = True) -> AsyncIterator[Yard]:
    """Start a fleet, let it work, stop it at the end; `judged=False` leaves out what is looked at afterwards."""
    declared: Mapping[str, Declared] = {one.card.name: one for one in agents}
    async with Fleet(settings, agents=declared) as fleet, Client.connect(settings) as client:
        task = asyncio.create_task(fleet.run())
        yard = Yard(fleet, client, task)
        try:
            yield yard
        finally:
            fleet.stop()
            await task
        if judged:
            assert_tables_empty(fleet)
            report = await check(client.queue, plain=settings.storage == "plain")
            assert report.ok, report.broken()


def assert_tables_empty(fleet: Fleet) -> None:
    """Nothing of a task that ended is kept in the host."""
    host = fleet.host
    assert host.running == 0
    assert not host._renewer.held
    assert not host._claimer.busy
    assert not host._settler._sending


@asynccontextmanager
async def plain_queue(settings: Settings, fleet: Fleet | None = None) -> AsyncIterator[Queue]:
    """The queue of a data folder over a connection of its own, without any host."""
    from ezaigents.engine import begin

    identity = open_home(settings.home_path)
    handle = None if fleet else begin(settings).ready()
    address = fleet.engine.address if fleet else handle.address if handle else None
    assert address is not None
    try:
        async with Connection(address) as connection:
            queue = Queue(connection, Keys(settings.namespace or identity))
            yield queue
            await queue.close()
    finally:
        if handle is not None:
            handle.leave()


def place_of(settings: Settings) -> str:
    """The place of the settings' workspace."""
    return place_id(open_home(settings.home_path), settings.workspace)


def call(fleet: Fleet, *args: str | int) -> Any:
    """One command on a connection of its own."""
    with BlockingConnection(fleet.engine.address) as connection:
        return connection.call(*args)


def scripts_run(fleet: Fleet) -> int:
    """How many scripts the engine has run so far."""
    stats: bytes = call(fleet, "INFO", "commandstats")
    return int(re.findall(r"cmdstat_evalsha:calls=(\d+)", stats.decode())[0])


DONE = TaskState.DONE
