"""The engine dies, or stands still, or its clock jumps, while hosts are at work."""

from __future__ import annotations

import asyncio
import signal

import msgspec
from tests.integration.runtime.fleets import DONE, Bench, agent, make_id, plain_queue, working
from tests.leaks import run, until

from ezaigents.agents import Context
from ezaigents.queue import Held, Queue, load_scripts
from ezaigents.queue.scripts import NAMES
from ezaigents.records import Answer, Claim, Result, Run, TaskKind, TaskSpec, TaskState
from ezaigents.runtime.sweep import Sweeper
from ezaigents.settings import Settings

_NOW = "math.floor(tonumber(engine_time[2]) / 1000)"
_LATER = dict.fromkeys(NAMES, (_NOW, _NOW + " + tonumber(call('GET', P .. 'skew') or 0)"))
"""Scripts whose clock can be set: the key `skew` is added to the engine's time, in ms."""


def test_an_engine_that_dies_under_running_tasks(settings: Settings) -> None:
    """Tasks that run, and outcomes that wait, while the engine is killed and comes back, end once each."""
    times: dict[str, int] = {}

    async def do(claim: Claim, context: Context) -> Result:
        await asyncio.sleep(0.02)
        times[claim.id] = times.get(claim.id, 0) + 1
        return Result()

    async def story() -> None:
        steady = msgspec.structs.replace(settings, lease_s=10.0, renew_s=2.0)
        async with working(steady, agent(do, slots=8)) as yard:
            ids = await yard.hand_in(150)
            for number in range(2):
                await until(lambda number=number: len(times) > 30 + 50 * number)  # type: ignore[misc]
                pid = yard.fleet.engine.pid
                yard.kill_engine()
                await until(lambda pid=pid: yard.fleet.engine.pid != pid)  # type: ignore[misc]
            tasks = await yard.ended(ids)
            assert {(task.state, task.crashes) for task in tasks} == {(DONE, 0)}
        assert times == dict.fromkeys(ids, 1)

    run(story())


def test_an_engine_that_stands_still(settings: Settings) -> None:
    """After seconds of silence nothing was taken for a crash, and every task ends."""

    async def story() -> None:
        bench = Bench()
        async with working(msgspec.structs.replace(settings, sweep_s=0.2), agent(bench.do)) as yard:
            ids = await yard.hand_in(4)
            await until(lambda: bench.now == 4)
            yard.kill_engine(signal.SIGSTOP)
            await asyncio.sleep(settings.lease_s * 1.6)
            yard.kill_engine(signal.SIGCONT)
            bench.go.set()
            tasks = await yard.ended(ids)
            assert [(task.state, task.crashes, task.attempts) for task in tasks] == [(DONE, 0, 0)] * 4

    run(story())


class _Holder:
    """A task held by somebody who renews when told to, and a sweeper beside it."""

    def __init__(self, queue: Queue, settings: Settings) -> None:
        self.queue = queue
        self.lease_ms = round(settings.lease_s * 1000)
        self.sweeper = Sweeper(queue, settings, notice=lambda lane: None, paused=lambda names: None)
        self.held = Held("", 0)

    async def begin(self) -> None:
        ids = await _submit(self.queue)
        claim = (await self.queue.claim("n:1", "holder", self.lease_ms, [("a@p", 1)]))[0]
        self.held = Held(ids, claim.fence)
        await self.sweeper.sweep_once()

    async def renew(self) -> None:
        assert await self.queue.renew(self.lease_ms, [self.held]) == [b"OK"]

    async def state(self) -> TaskState:
        return (await self.queue.task(self.held.id)).state

    async def is_reaped_at_last(self) -> bool:
        await self.sweeper.sweep_once()
        return await self.state() is TaskState.READY


async def _submit(queue: Queue) -> str:
    run_ = Run(id=make_id(), prompt="x", agent="a", kind=TaskKind.ANALYZE, workspace="/w", place="p")
    spec = TaskSpec(id=make_id(), run=run_.id, agent="a", place="p")
    await queue.submit([spec], run=run_)
    return spec.id


def test_a_clock_that_jumps_takes_no_task_from_its_holder(settings: Settings) -> None:
    """When the engine's clock is set forward nothing is reaped for one lease, and then only who did not renew."""

    async def story() -> None:
        short = msgspec.structs.replace(settings, lease_s=0.6)
        async with plain_queue(short) as plain:
            queue = Queue(plain._connection, plain.keys, scripts=load_scripts(_LATER))
            holder = _Holder(queue, short)
            await holder.begin()
            await queue.put("SET", f"{queue.keys.prefix}skew", 3_600_000)
            await holder.sweeper.sweep_once()
            assert await holder.state() is TaskState.LEASED
            await holder.renew()
            await holder.sweeper.sweep_once()
            assert await holder.state() is TaskState.LEASED
            await until(holder.is_reaped_at_last, limit_s=5)
            assert await queue.finish([(holder.held, Result())]) == [Answer.STALE]

    run(story())


def test_an_engine_that_stood_still_takes_no_task_from_its_holder(settings: Settings) -> None:
    """After the engine was silent for long, holders have one lease to renew before anything is reaped."""

    async def story() -> None:
        short = msgspec.structs.replace(settings, lease_s=0.8)
        async with plain_queue(short) as queue:
            holder = _Holder(queue, short)
            await holder.begin()
            pid = (await queue.read("INFO", "server")).decode().partition("process_id:")[2].split()[0]
            import os

            os.kill(int(pid), signal.SIGSTOP)
            sweeping = asyncio.create_task(holder.sweeper.sweep_once())
            await asyncio.sleep(1.2)
            os.kill(int(pid), signal.SIGCONT)
            await sweeping
            assert await holder.state() is TaskState.LEASED
            await holder.renew()
            await until(holder.is_reaped_at_last, limit_s=5)

    run(story())


def test_after_a_broken_connection_nothing_is_reaped_for_one_lease(settings: Settings) -> None:
    """`gap` gives every holder one lease; what else is due is done meanwhile."""

    async def story() -> None:
        short = msgspec.structs.replace(settings, lease_s=0.5)
        async with plain_queue(short) as queue:
            holder = _Holder(queue, short)
            await holder.begin()
            await asyncio.sleep(0.55)
            holder.sweeper.gap()
            pause_s = await holder.sweeper.sweep_once()
            assert await holder.state() is TaskState.LEASED
            assert 0 < pause_s <= 0.6
            await holder.renew()
            await until(holder.is_reaped_at_last, limit_s=5)

    run(story())
