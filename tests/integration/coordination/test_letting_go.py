"""What an attempt holds besides its claim is let go, and that keeps neither its outcome nor a host that stops."""

from __future__ import annotations

import asyncio
import signal

import msgspec
from tests.integration.coordination.scripted import Scripted, script, scripted
from tests.integration.runtime.fleets import Bench, agent, working
from tests.leaks import run, until

from ezaigents.agents import Context
from ezaigents.records import Claim, Result
from ezaigents.settings import Settings


def test_an_outcome_is_handed_back_whatever_interrupts_the_letting_go(settings: Settings) -> None:
    """An engine that stood still for longer than the lease, just when the work was done, does not take it along."""

    async def story() -> None:
        stopped = asyncio.Event()

        async def do(claim: Claim, context: Context) -> Result:
            await context.messages()
            await context.checkpoint()
            yard.kill_engine(signal.SIGSTOP)
            stopped.set()
            return Result(summary="the paid work")

        async with working(settings, agent(do, slots=1), judged=False) as yard:
            ids = await yard.hand_in()
            await stopped.wait()
            attempt = next(iter(yard.fleet.host._running.values()))
            await until(lambda: attempt.stop is not None)
            yard.kill_engine(signal.SIGCONT)
            (task,) = await yard.ended(ids)
            assert (task.state.value, task.summary) == ("done", "the paid work")
            await until(lambda: yard.fleet.host.running == 0)

    run(story())


def test_a_host_that_stops_does_not_wait_for_an_engine_that_stands_still(settings: Settings) -> None:
    """Leases and radar are left to their time: the stop ends as it does for a task that holds nothing."""
    short = msgspec.structs.replace(settings, grace_s=0.2)

    async def story() -> None:
        doing = Scripted()
        async with working(short, scripted(doing), judged=False) as yard:
            await yard.hand_in(payload=script(["lease", "f.py"], ["checkpoint"], ["wait", "go"]))
            await until(lambda: doing.working)
            yard.kill_engine(signal.SIGSTOP)
            yard.fleet.stop()
            _, pending = await asyncio.wait([yard.working], timeout=20)
            yard.kill_engine(signal.SIGCONT)
            assert not pending, "it waits for an engine that says nothing"

    run(story(), limit_s=60)


def test_the_kill_switch_reaches_claims_whose_answer_is_under_way(settings: Settings) -> None:
    """A host that is told to halt before it has read the answer to its claim hands those tasks back too."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do)) as yard:
            host = yard.fleet.host
            claims, claimed = host._claimer._queue.claim, asyncio.Event()

            async def claim(*args: object) -> list[Claim]:
                found = await claims(*args)  # type: ignore[arg-type]
                await yard.queue.pause(["*"])
                host._on_control("halt")
                claimed.set()
                return found

            host._claimer._queue.claim = claim  # type: ignore[method-assign,assignment]
            ids = await yard.hand_in(2)
            await claimed.wait()
            host._claimer._queue.claim = claims  # type: ignore[method-assign]

            async def back() -> bool:
                return {task.state.value for task in await yard.queue.tasks(ids)} == {"ready"}

            await until(back)
            assert not bench.ended
            bench.go.set()
            await yard.client.operator.resume()
            await yard.ended(ids)

    run(story())
