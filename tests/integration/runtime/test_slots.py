"""Many agents in one host: each has its slots, its order, and the host its memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from tests.integration.runtime.fleets import DONE, Bench, Do, agent, assert_tables_empty, at_once, working
from tests.leaks import run, until

from ezaigents.agents import Context, Declared
from ezaigents.records import AgentCard, AgentState, Claim, Result
from ezaigents.runtime.admission import rss_bytes
from ezaigents.settings import Settings


def test_every_agent_has_slots_of_its_own(settings: Settings) -> None:
    """An agent runs as many tasks at once as it has slots, whatever the others do."""

    async def story() -> None:
        few, many = Bench(), Bench()
        async with working(settings, agent(few.do, "few", slots=2), agent(many.do, "many", slots=5)) as yard:
            ids = await yard.hand_in(6, agent="few") + await yard.hand_in(12, agent="many")
            await until(lambda: few.now == 2 and many.now == 5)
            status = await yard.client.status()
            assert [(row.name, row.slots, row.busy) for row in status.agents] == [("few", 2, 2), ("many", 5, 5)]
            few.go.set()
            many.go.set()
            assert {task.state for task in await yard.ended(ids)} == {DONE}
        assert (few.most, many.most) == (2, 5)

    run(story())


def test_many_agents_in_one_host(settings: Settings) -> None:
    """A task for any of hundreds of agents is picked up by that agent."""
    by_agent: dict[str, list[str]] = {}

    async def do(claim: Claim, context: Context) -> Result:
        by_agent.setdefault(claim.agent, []).append(claim.id)
        return Result()

    async def story() -> None:
        names = [f"a{number}" for number in range(300)]
        async with working(settings, *[agent(do, name) for name in names]) as yard:
            handed = {name: await yard.hand_in(2, agent=name) for name in names[::30]}
            await yard.ended([task_id for ids in handed.values() for task_id in ids])
            assert {name: sorted(ids) for name, ids in by_agent.items()} == {n: sorted(i) for n, i in handed.items()}

    run(story())


def test_first_by_priority_then_by_acceptance(settings: Settings) -> None:
    """Tasks of one agent begin by priority, and within one priority in the order in which they were accepted."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do, slots=1)) as yard:
            first = await yard.hand_in()
            await until(lambda: bench.now == 1)
            low = await yard.hand_in(3, priority=9)
            middle = await yard.hand_in(3)
            high = await yard.hand_in(3, priority=0)
            bench.go.set()
            await yard.ended(low)
            assert bench.began == first + high + middle + low

    run(story())


def test_an_agent_that_cannot_work_is_left_alone(settings: Settings) -> None:
    """Tasks for an agent that is unavailable stay ready, and others are worked on."""

    async def story() -> None:
        idle = Declared(AgentCard(name="idle", state=AgentState.UNAVAILABLE, reason="no key"), None)
        async with working(settings, idle, agent(at_once)) as yard:
            waiting = await yard.hand_in(agent="idle")
            await yard.ended(await yard.hand_in())
            assert (await yard.task(waiting[0])).state == "ready"

    run(story())


def test_with_no_memory_left_tasks_run_one_at_a_time(settings: Settings) -> None:
    """A host whose memory is over its limit still works, on one task after the other."""

    async def story() -> None:
        bench = Bench()
        bench.go.set()
        tight = msgspec.structs.replace(settings, memory_limit_bytes=32 * 1024 * 1024)
        async with working(tight, agent(_slow(bench), slots=8)) as yard:
            tasks = await yard.ended(await yard.hand_in(12))
            assert {task.state for task in tasks} == {DONE}
        assert bench.most == 1

    run(story())


def test_tasks_that_have_just_begun_count_with_their_budget(settings: Settings) -> None:
    """Memory set aside for running tasks is not given out twice before they have touched it."""

    async def story() -> None:
        bench = Bench()
        budget = 1024**3
        roomy = msgspec.structs.replace(settings, memory_limit_bytes=rss_bytes() + 3 * budget + budget // 2)
        async with working(roomy, agent(bench.do, slots=8, task_bytes=budget)) as yard:
            ids = await yard.hand_in(8)
            await until(lambda: bench.now == 3)
            extra = await yard.hand_in()
            await asyncio.sleep(0.1)
            assert bench.most == 3
            bench.go.set()
            await yard.ended(ids + extra)
        assert bench.most == 3

    run(story())


def test_thousands_of_tasks_leave_nothing_behind(settings: Settings, tmp_path: Path) -> None:
    """After 5,000 tasks the host's tables are empty, and each task was worked on once."""
    times: dict[str, int] = {}

    async def do(claim: Claim, context: Context) -> Result:
        times[claim.id] = times.get(claim.id, 0) + 1
        return Result()

    async def story() -> None:
        async with working(settings, agent(do, slots=64)) as yard:
            ids = await yard.hand_in(5000)
            await until(lambda: len(times) == 5000)
            assert {task.state for task in await yard.ended(ids)} == {DONE}
            await until(lambda: yard.fleet.host.running == 0)
            assert_tables_empty(yard.fleet)
            assert len(yard.fleet.host._made) == 1
            assert not yard.fleet.host._claimer._hungry
        assert set(times.values()) == {1}

    run(story())


def _slow(bench: Bench) -> Do:
    async def do(claim: Claim, context: Context) -> Result:
        bench.began.append(claim.id)
        bench.most = max(bench.most, bench.now)
        await asyncio.sleep(0.005)
        bench.ended.append(claim.id)
        return Result()

    return do
