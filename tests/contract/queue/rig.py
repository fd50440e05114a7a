"""A queue over a real engine, with short words for what tests do often. Job: set scenes. Not its job: expectations.

Time is not waited for: `lease_ends`, `delay_ends` and `deadline_passes` write the past into the engine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec
from tests.engines import Engine

from ezaigents.clock import SystemClock
from ezaigents.engine import Arg, Connection, Reply
from ezaigents.ids import IdMaker
from ezaigents.policy import CrashPolicy
from ezaigents.queue import Held, Keys, Queue, Sweep
from ezaigents.queue.fsck import check
from ezaigents.records import Claim, Result, Run, Task, TaskKind, TaskSpec, TaskState

LANE = "null@p0"
LONG_MS = 60_000
PAST_MS = 1_000


class Rig:
    """One namespace. Entered by the test runner; leaving it asserts that fsck is clean, unless `dirty` is set."""

    queue: Queue
    connection: Connection

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.keys = Keys("t")
        self.dirty = False
        self.make_id = IdMaker(SystemClock())
        self._nonces = 0

    async def __aenter__(self) -> Self:
        self.connection = Connection(self.engine.address)
        await self.connection.open()
        self.queue = Queue(self.connection, self.keys)
        await self.raw("FLUSHALL")
        return self

    async def __aexit__(self, kind: object, *exc_info: object) -> None:
        try:
            if kind is None and not self.dirty:
                await self.assert_clean()
        finally:
            await self.raw("CONFIG", "SET", "maxmemory", "0")
            await self.queue.close()
            await self.connection.close()

    async def raw(self, *args: Arg) -> Reply:
        """Any command, past the queue."""
        return await self.connection.call(*args)

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[list[str]]:
        """What is published on a channel meanwhile; complete once the `async with` is left."""
        heard: list[str] = []
        async with Connection(self.engine.address, on_heard=lambda _, text: heard.append(text)) as connection:
            await connection.listen(channel=channel)
            yield heard
            await connection.call("PING")

    async def assert_clean(self) -> None:
        """Every invariant holds."""
        report = await check(self.queue)
        assert report.ok, report.broken()
        assert not report.moving

    # -- submit --------------------------------------------------------------------------------------------------

    def new_run(self, **fields: Any) -> Run:
        """A run of this rig's lane."""
        plain: dict[str, Any] = {"prompt": "why?", "agent": "null", "kind": TaskKind.ANALYZE, "workspace": "/w"}
        return Run(id=self.make_id(), place="p0", **(plain | fields))

    def spec(self, of: Run, **fields: Any) -> TaskSpec:
        """A task of the run."""
        return TaskSpec(**({"id": self.make_id(), "run": of.id, "agent": of.agent, "place": of.place} | fields))

    async def submit(self, count: int = 1, *, run: Run | None = None, **fields: Any) -> list[str]:
        """Submit like tasks; returns their ids."""
        run = run or self.new_run()
        specs = [self.spec(run, **fields) for _ in range(count)]
        known = await self.queue.submit(specs, run=run)
        return [known[spec.id] for spec in specs]

    async def one(self, **fields: Any) -> str:
        """Submit one task."""
        return (await self.submit(**fields))[0]

    # -- hold ----------------------------------------------------------------------------------------------------

    def nonce(self) -> str:
        """A fresh one."""
        self._nonces += 1
        return f"n{self._nonces}"

    async def claim(
        self, count: int = 1, *, lane: str = LANE, host: str = "h1", lease_ms: int = LONG_MS
    ) -> list[Claim]:
        """Claim up to `count` tasks."""
        return await self.queue.claim(self.nonce(), host, lease_ms, [(lane, count)])

    async def hold(self, task_id: str, **options: Any) -> Held:
        """Claim until this task is held, then hand the others back."""
        claims = await self.claim(1000, **options)
        held = {claim.id: Held(claim.id, claim.fence) for claim in claims}
        await self.queue.release([other for other in held.values() if other.id != task_id])
        return held[task_id]

    async def submit_with_limit(self, count: int, max_open: int) -> None:
        """Submit into a queue that takes so many open tasks."""
        run = self.new_run()
        await self.queue.submit([self.spec(run) for _ in range(count)], run=run, max_open=max_open)

    async def finish(self, held: Held, **result: Any) -> str:
        """Finish, and tell the children."""
        answers = await self.queue.finish([(held, Result(**result))])
        await self.settle_children()
        return answers[0].value

    async def finish_otherwise(self, task_id: str) -> None:
        """Cancel, and tell the children."""
        await self.queue.cancel([task_id])
        await self.settle_children()

    async def settle_children(self) -> None:
        """Promote until nothing is left."""
        while await self.queue.promote():
            pass

    # -- time ----------------------------------------------------------------------------------------------------

    async def lease_ends(self, *task_ids: str) -> None:
        """As if the lease had been over for long."""
        for task_id in task_ids:
            await self.raw("ZADD", self.keys.leased(), "XX", PAST_MS, task_id)

    async def crash(self, *task_ids: str, policy: CrashPolicy | None = None) -> dict[str, TaskState]:
        """Their leases end, and they are put back."""
        await self.lease_ends(*task_ids)
        return dict(await self.queue.reap(policy or CrashPolicy()))

    async def delay_ends(self, task_id: str) -> None:
        """As if the delay had passed."""
        await self.raw("HSET", self.keys.task(task_id), "due", PAST_MS)
        await self.raw("ZADD", self.keys.delayed(), "XX", PAST_MS, task_id)

    async def deadline_passes(self, task_id: str) -> None:
        """As if the deadline had passed, and nobody has looked yet."""
        await self.raw("HSET", self.keys.task(task_id), "deadline", PAST_MS)
        await self.raw("ZADD", self.keys.deadlines(), "XX", PAST_MS, task_id)

    async def engine_ms(self) -> int:
        """The engine's clock."""
        seconds, micros = await self.raw("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    # -- look ----------------------------------------------------------------------------------------------------

    async def task(self, task_id: str) -> Task:
        """Read a task."""
        return await self.queue.task(task_id)

    async def states(self, task_ids: Sequence[str]) -> list[str]:
        """Their states."""
        return [task.state.value for task in await self.queue.tasks(task_ids)]

    async def state(self, task_id: str) -> str:
        """One task's state."""
        return (await self.task(task_id)).state.value

    async def counts(self) -> dict[str, int]:
        """Only the counters that are not 0, under plain names."""
        return {str(name): count for name, count in (await self.queue.counts()).items() if count}

    async def sweep(self) -> Sweep:
        """With the usual retention."""
        return await self.queue.sweep(3_600_000, 100_000)


async def wait_until(true: Callable[[], Awaitable[bool]], *, within_s: float = 10.0) -> None:
    """Look until it is true. Raises AssertionError after `within_s`."""
    end_s = time.monotonic() + within_s
    while not await true():
        assert time.monotonic() < end_s, "it did not come true in time"
        await asyncio.sleep(0.002)


def held(claim: Claim, fence: int | None = None) -> Held:
    """The proof of a claim, perhaps with another fence."""
    return Held(claim.id, claim.fence if fence is None else fence)


def changed(spec: TaskSpec, **fields: Any) -> TaskSpec:
    """The same task but for these fields."""
    return msgspec.structs.replace(spec, **fields)
