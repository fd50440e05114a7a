"""One contract for both ways of learning that there is work, and what becomes of a hint that is lost."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from tests.integration.runtime.fleets import DONE, NO_WAKE, Bench, Yard, agent, at_once, hand_in, working
from tests.leaks import run, until

from ezaigents.agents import Context, TaskFailed
from ezaigents.records import Claim, Result, TaskState
from ezaigents.settings import Settings

both = pytest.mark.parametrize("delivery", ["push", "poll"])


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With leases and sweeps so long that no sweep finds what a hint should have told."""
    return msgspec.structs.replace(settings, lease_s=60.0, renew_s=20.0, sweep_s=60.0)


def _by(settings: Settings, delivery: str) -> Settings:
    return msgspec.structs.replace(settings, delivery=delivery, poll_s=0.05)


@both
def test_an_idle_host_picks_up_what_is_handed_in(settings: Settings, delivery: str) -> None:
    """A task handed in to an idle host is worked on long before the next sweep."""

    async def story() -> None:
        async with working(_by(settings, delivery), agent(at_once)) as yard:
            for _ in range(3):
                tasks = await yard.ended(await yard.hand_in(), limit_s=5)
                assert tasks[0].state is DONE

    run(story())


@both
def test_what_was_there_before_the_host_is_picked_up(settings: Settings, delivery: str) -> None:
    """Tasks that waited for a host to come are worked on at its start."""

    async def story() -> None:
        async with working(settings, agent(at_once, "other")) as yard:
            ids = await yard.hand_in(3)
        async with working(_by(settings, delivery), agent(at_once)) as yard:
            assert [task.state for task in await yard.ended(ids, limit_s=5)] == [DONE] * 3

    run(story())


@both
def test_a_delayed_task_is_picked_up_when_it_is_due(settings: Settings, delivery: str) -> None:
    """A delay ends by itself: a timer is set for it, and no sooner."""

    async def story() -> None:
        async with working(_by(settings, delivery), agent(at_once)) as yard:
            began_s = time.monotonic()
            await yard.ended(await yard.hand_in(delay_ms=300), limit_s=5)
            assert time.monotonic() - began_s >= 0.299

    run(story())


@both
def test_a_retried_task_is_picked_up_again(settings: Settings, delivery: str) -> None:
    """A failed attempt is followed by the next one after its back-off."""
    attempts: list[int] = []

    async def do(claim: Claim, context: Context) -> Result:
        attempts.append(claim.attempt)
        if claim.attempt == 1:
            raise TaskFailed("not yet", retryable=True)
        return Result()

    async def story() -> None:
        async with working(_by(settings, delivery), agent(do)) as yard:
            tasks = await yard.ended(await yard.hand_in(), limit_s=8)
            assert tasks[0].state is DONE
            assert attempts == [1, 2]

    run(story())


@both
def test_children_follow_their_parents(settings: Settings, delivery: str) -> None:
    """A child is worked on as soon as its last parent is done."""
    order: list[str] = []

    async def do(claim: Claim, context: Context) -> Result:
        order.append(claim.id)
        return Result()

    async def story() -> None:
        async with working(_by(settings, delivery), agent(do)) as yard:
            parents = await yard.hand_in(3, delay_ms=100)
            child = await yard.hand_in(parents=tuple(parents))
            await yard.ended(child, limit_s=5)
            assert order[-1] == child[0]
            assert sorted(order[:-1]) == sorted(parents)

    run(story())


@both
def test_a_deadline_ends_a_task_that_waits(settings: Settings, delivery: str) -> None:
    """A task whose turn does not come before its deadline is dead, and is never begun."""

    async def story() -> None:
        bench = Bench()
        async with working(_by(settings, delivery), agent(bench.do, slots=1)) as yard:
            first = await yard.hand_in()
            await until(lambda: bench.now == 1)
            late = await yard.hand_in(deadline_ms=int(time.time() * 1000) + 200)
            task = (await yard.ended(late, limit_s=5))[0]
            assert (task.state, task.error) == (TaskState.DEAD, "deadline")
            bench.go.set()
            await yard.ended(first)
            assert bench.began == first

    run(story())


def test_a_lost_hint_is_made_up_for_by_the_sweep(settings: Settings) -> None:
    """Work whose hint was lost is found by the next sweep."""

    async def story() -> None:
        async with working(msgspec.structs.replace(settings, sweep_s=0.3), agent(at_once)) as yard:
            deaf = yard.deaf_queue(submit=NO_WAKE)
            ids = await hand_in(deaf, yard.client.place)
            assert (await yard.ended(ids, limit_s=5))[0].state is DONE

    run(story())


def test_without_hint_nor_sweep_nothing_is_picked_up(settings: Settings) -> None:
    """Nothing polls while idle: what no hint tells of waits for the sweep."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            await _swept(yard)
            deaf = yard.deaf_queue(submit=NO_WAKE)
            ids = await hand_in(deaf, yard.client.place)
            with pytest.raises(AssertionError, match="not within"):
                await yard.ended(ids, limit_s=0.5)
            yard.fleet.host.on_restored()
            assert (await yard.ended(ids, limit_s=5))[0].state is DONE

    run(story())


def test_a_hint_during_the_claim_is_not_lost(settings: Settings) -> None:
    """Of tasks handed in one by one, as fast as can be, none waits for the sweep."""

    async def story() -> None:
        async with working(settings, agent(at_once, slots=2)) as yard:
            handed = await asyncio.gather(*[yard.hand_in() for _ in range(200)])
            await yard.ended([ids[0] for ids in handed], limit_s=10)

    run(story())


async def _swept(yard: Yard) -> None:
    """The sweep of the start has been made: a task handed in before it would be found by it."""
    await yard.ended(await yard.hand_in())
    await asyncio.sleep(0.05)
