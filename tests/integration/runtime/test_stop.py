"""A graceful stop: what runs may end, what cannot is handed back unspent, nothing new begins."""

from __future__ import annotations

import asyncio
import signal
import time

import msgspec
from tests.integration.runtime.fleets import DONE, NO_WAKE, Bench, Yard, agent, at_once, hand_in, plain_queue, working
from tests.leaks import run, until

from ezaigents.agents import Context
from ezaigents.optimize import choose, find_switch
from ezaigents.records import Claim, Result, Task, TaskState, lane_of
from ezaigents.settings import Settings


async def _task_after(settings: Settings, task_id: str) -> Task:
    async with plain_queue(settings) as queue:
        return await queue.task(task_id)


def test_running_tasks_may_end(settings: Settings) -> None:
    """Within the grace the running tasks end and are settled; the stop waits no longer than that takes."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do)) as yard:
            ids = await yard.hand_in(3)
            await until(lambda: bench.now == 3)
            yard.fleet.stop()
            await asyncio.sleep(0.05)
            assert bench.stopped == []
            began_s = time.monotonic()
            bench.go.set()
            await yard.working
            assert time.monotonic() - began_s < settings.grace_s / 2
            assert [task.state for task in await yard.client.tasks(ids)] == [DONE] * 3

    run(story())


def test_what_does_not_end_is_handed_back_unspent(settings: Settings) -> None:
    """After the grace a running task is stopped and ready again: no attempt spent, no crash counted."""

    async def story() -> None:
        bench = Bench()
        async with working(msgspec.structs.replace(settings, grace_s=0.1), agent(bench.do)) as yard:
            ids = await yard.hand_in(2)
            await until(lambda: bench.now == 2)
            yard.fleet.stop()
            await yard.working
            assert sorted(bench.stopped) == sorted(ids)
            for task in await yard.queue.tasks(ids):
                assert (task.state, task.attempts, task.crashes) == (TaskState.READY, 0, 0)

    run(story())


def test_a_second_stop_shortens_the_first(settings: Settings) -> None:
    """Asked twice, the host hands back at once what runs."""

    async def story() -> None:
        bench = Bench()
        async with working(msgspec.structs.replace(settings, grace_s=60.0), agent(bench.do)) as yard:
            ids = await yard.hand_in()
            await until(lambda: bench.now == 1)
            yard.fleet.stop()
            await asyncio.sleep(0.05)
            assert bench.now == 1
            yard.fleet.stop()
            async with asyncio.timeout(5):
                await yard.working
            assert (await yard.task(ids[0])).state is TaskState.READY

    run(story())


def test_nothing_is_begun_after_a_stop(settings: Settings) -> None:
    """While the running tasks end, no other is claimed, not even into a slot that becomes free."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do, slots=2)) as yard:
            first = await yard.hand_in(2)
            waiting = await yard.hand_in(2)
            await until(lambda: bench.now == 2)
            yard.fleet.stop()
            late = await yard.hand_in(2)
            bench.go.set()
            await yard.working
            assert sorted(bench.began) == sorted(first)
            for task in await yard.queue.tasks(waiting + late):
                assert (task.state, task.fence) == (TaskState.READY, 0)

    run(story())


def test_a_word_from_the_client_stops_the_host(settings: Settings) -> None:
    """`stop` on the host's control channel is a graceful stop."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            assert await yard.client.tell_host(settings.name, "stop") == 1
            async with asyncio.timeout(5):
                await yard.working
            assert await yard.client.hosts() == []

    run(story())


def test_a_claim_that_was_answered_after_the_stop_is_handed_back(settings: Settings) -> None:
    """What the engine leases to a host that is stopping never begins there; it costs no attempt and no crash."""

    async def story() -> None:
        bench = Bench()
        bench.go.set()
        async with working(msgspec.structs.replace(settings, lease_s=30.0, renew_s=10.0), agent(bench.do)) as yard:
            await yard.ended(await yard.hand_in())
            bench.began.clear()
            deaf = yard.deaf_queue(submit=NO_WAKE)
            ids = await hand_in(deaf, yard.client.place)
            yard.kill_engine(signal.SIGSTOP)
            try:
                _hint(yard)
                await asyncio.sleep(0.05)
                yard.fleet.stop()
                await asyncio.sleep(0.05)
            finally:
                yard.kill_engine(signal.SIGCONT)
            await yard.working
            task = await yard.task(ids[0])
            assert task.fence > 0, "it was never claimed: the test missed its moment"
            assert (task.state, task.attempts, task.crashes) == (TaskState.READY, 0, 0)
            assert bench.began == []

    run(story())


def _hint(yard: Yard) -> None:
    lane = lane_of("a", yard.client.place)
    yard.fleet.host.on_heard(yard.queue.keys.wake(lane), lane)


def test_a_host_stops_while_its_engine_is_away(settings: Settings) -> None:
    """A stop does not wait for ever for an engine that does not answer; its tasks are kept."""

    async def story() -> None:
        bench = Bench()
        async with working(msgspec.structs.replace(settings, grace_s=0.2), agent(bench.do), judged=False) as yard:
            ids = await yard.hand_in()
            await until(lambda: bench.now == 1)
            yard.kill_engine(signal.SIGSTOP)
            try:
                _hint(yard)
                yard.fleet.host._sweeper.look()
                await asyncio.sleep(0.05)  # a claim and a sweep wait for their answers now
                yard.fleet.stop()
                async with asyncio.timeout(settings.grace_s + settings.lease_s + 5):
                    await yard.working
            finally:
                yard.kill_engine(signal.SIGCONT)
        task = await _task_after(settings, ids[0])
        assert not task.state.terminal

    run(story())


def test_a_host_stops_while_its_delivery_is_exchanged_on_an_engine_that_stands_still(settings: Settings) -> None:
    """What was begun for a switch does not hold up the stop."""
    choose(settings.home_path, find_switch("push-delivery"), False)

    async def story() -> None:
        async with working(msgspec.structs.replace(settings, delivery="poll"), agent(at_once), judged=False) as yard:
            await yard.ended(await yard.hand_in())
            yard.kill_engine(signal.SIGSTOP)
            try:
                choose(settings.home_path, find_switch("push-delivery"), True)
                yard.fleet.host._on_control("switches")
                await asyncio.sleep(0.05)  # it waits for the engine's answer now
                assert not yard.fleet.host._exchanging[-1].done()
                yard.fleet.stop()
                async with asyncio.timeout(settings.grace_s + settings.lease_s + 5):
                    await yard.working
            finally:
                yard.kill_engine(signal.SIGCONT)

    run(story())


def test_agents_are_closed_at_the_end(settings: Settings) -> None:
    """Each agent that was made is closed once, also when another breaks while it is closed."""
    closed: list[str] = []

    class Closing:
        def __init__(self, name: str) -> None:
            self.name = name

        async def run(self, claim: Claim, context: Context) -> Result:
            return Result()

        async def close(self) -> None:
            closed.append(self.name)
            raise RuntimeError("cannot be closed")

    async def story() -> None:
        from ezaigents.agents import Declared
        from ezaigents.records import AgentCard

        declared = [Declared(AgentCard(name=name), lambda settings, name=name: Closing(name)) for name in "abc"]  # type: ignore[misc]
        async with working(settings, *declared) as yard:
            await yard.ended(await yard.hand_in() + await yard.hand_in(agent="b"))
        assert sorted(closed) == ["a", "b"]

    run(story())
