"""Pause, resume and the kill switch, in a fleet at work."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable

import msgspec
import pytest
from tests.integration.coordination.scripted import Scripted, script, scripted
from tests.integration.runtime.fleets import Bench, agent, at_once, hand_in, working
from tests.integration.runtime.hosts import HostProcess
from tests.leaks import run, until

from ezaigents.client import Client
from ezaigents.client.status import engine_memory
from ezaigents.engine.locks import host_lock_path
from ezaigents.errors import InputError
from ezaigents.queue import Held
from ezaigents.records import AgentCard, HostCard, Result, lane_of
from ezaigents.settings import Settings


def test_a_paused_agent_goes_on_when_it_is_resumed(settings: Settings) -> None:
    """Tasks handed in meanwhile wait, others are not held up, and the end of the pause is pushed."""

    async def story() -> None:
        async with working(settings, agent(at_once), agent(at_once, "b")) as yard:
            assert await yard.client.operator.pause(["a"]) == ["a"]
            waiting = await yard.hand_in(3)
            others = await yard.hand_in(3, agent="b")
            await yard.ended(others)
            assert {task.state.value for task in await yard.queue.tasks(waiting)} == {"ready"}
            rows = {row.name: (row.state, row.health) for row in await yard.client.agents()}
            assert rows == {"a": ("paused", "paused"), "b": ("ready", "healthy")}
            assert await yard.client.operator.resume(["a"]) == []
            await yard.ended(waiting)

    run(story())


def test_everything_can_be_paused_and_a_name_nobody_has_is_refused(settings: Settings) -> None:
    """Without a name all agents are meant; a misspelt one would pause nobody, so it is an error."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            with pytest.raises(InputError, match="did you mean 'a'"):
                await yard.client.operator.pause(["aa"])
            assert await yard.client.operator.pause() == ["*"]
            ids = await yard.hand_in(2)
            assert await yard.client.operator.resume() == []
            await yard.ended(ids)

    run(story())


def test_a_running_task_waits_at_its_next_step(settings: Settings) -> None:
    """A step that has begun is not cut off; the next one begins when the pause is over, with the claim kept."""

    async def story() -> None:
        doing = Scripted()
        async with working(settings, scripted(doing)) as yard:
            ids = await yard.hand_in(payload=script(["wait", "go"], ["checkpoint"]))
            await until(lambda: doing.working)
            await yard.client.operator.pause(["a"])
            await until(lambda: yard.fleet.host._pauses.holds("a"))
            doing.gates["go"].set()
            for _ in range(3):  # sweeps come and go, and it waits
                await yard.fleet.host._sweeper.sweep_once()
            assert (await yard.task(ids[0])).state == "leased"
            assert not doing.seen
            await yard.client.operator.resume(["a"])
            (task,) = await yard.ended(ids)
            assert (task.state.value, task.attempts, task.crashes) == ("done", 0, 0)

    run(story())


def test_the_kill_switch_hands_everything_back(settings: Settings) -> None:
    """All running tasks stop at once, none has spent an attempt, none begins before the pause is ended."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do, slots=8)) as yard:
            ids = await yard.hand_in(20)
            await until(lambda: bench.now == 8)
            halted = await yard.client.operator.stop_all()
            assert (halted.handed_back, halted.killed, halted.left) == (8, (), ())
            assert len(bench.stopped) == 8
            tasks = await yard.queue.tasks(ids)
            assert {(task.state.value, task.attempts, task.crashes) for task in tasks} == {("ready", 0, 0)}
            bench.go.set()
            await yard.client.operator.resume()
            await yard.ended(ids)

    run(story())


def test_a_host_that_does_not_let_go_is_killed(
    settings: Settings, start_host: Callable[[Settings], HostProcess]
) -> None:
    """A frozen host hears nothing; it is ended within the two seconds, and its tasks come back after the pause."""
    frozen = start_host(settings)

    async def story() -> None:
        async with Client.connect(settings) as client:
            ids = await hand_in(client.queue, client.place, 2, payload="long")

            async def running() -> bool:
                return all(task.state == "leased" for task in await client.queue.tasks(ids))

            await until(running)
            frozen.freeze()
            halted = await client.operator.stop_all()
            assert (halted.killed, halted.handed_back) == ((settings.name,), 0)
            assert (halted.left, halted.orphaned) == ((), ()), "nothing of them runs, and who was killed is said"
            await until(lambda: frozen.ended() == -signal.SIGKILL)
            assert await client.queue.paused()

    run(story())
    again = start_host(settings)

    async def after() -> None:
        async with Client.connect(settings) as client:

            async def back() -> bool:
                return {task.state.value for task in await client.all_tasks()} == {"ready"}

            await until(back)

    run(after())
    assert again.end() == 0


def test_tasks_of_a_host_that_was_dead_before_run_nowhere(
    settings: Settings, start_host: Callable[[Settings], HostProcess]
) -> None:
    """They are told apart from what still runs; nobody is said to be at work, and `ez up` is what helps."""
    host = start_host(settings)

    async def story() -> None:
        async with Client.connect(settings) as client:
            ids = await hand_in(client.queue, client.place, 2, payload="long")

            async def running() -> bool:
                return all(task.state == "leased" for task in await client.queue.tasks(ids))

            await until(running)
            assert "at work" in (await client.operator.write_to("a", "hello"))[0]
            host.end(signal.SIGKILL)
            halted = await client.operator.stop_all()
            assert (halted.handed_back, halted.killed, halted.left) == (0, (), ())
            assert sorted(halted.orphaned) == sorted(ids)
            (line,) = await client.operator.write_to("a", "hello")
            assert "cannot read it now" in line
            problems = {problem.kind: problem for problem in await client.operator.problems()}
            assert "no-progress" not in problems
            assert f"`ez up --name {settings.name}`" in problems["host-gone"].advice or settings.name == "main"

    run(story())


def test_a_host_that_cannot_be_killed_is_not_called_killed(
    settings: Settings, start_host: Callable[[Settings], HostProcess]
) -> None:
    """Its lock says that it lives, whatever was signalled: its tasks run on, and that is said."""
    frozen = start_host(settings)
    other = subprocess.Popen(["sleep", "1000"])

    async def story() -> None:
        async with Client.connect(settings) as client:
            ids = await hand_in(client.queue, client.place, payload="long")

            async def running() -> bool:
                return (await client.queue.task(ids[0])).state == "leased"

            await until(running)
            frozen.freeze()
            host_lock_path(settings.home_path, settings.name).write_text(f"{other.pid}\n")
            halted = await client.operator.stop_all()
            assert (halted.killed, halted.left, halted.orphaned) == ((), tuple(ids), ())

    try:
        run(story())
    finally:
        other.kill()
        other.wait()


def _far(settings: Settings) -> HostCard:
    """A host on another machine, on the same engine."""
    return HostCard(
        name="far", pid=1, node="elsewhere", boot="b", home=settings.home, places=(), agents=(AgentCard(name="f"),),
        started_ms=0, started_in_ms=0,
    )  # fmt: skip


def test_what_runs_on_another_machine_is_said_and_what_ended_is_not_called_handed_back(settings: Settings) -> None:
    """A host that is seen and does not let go is left; a task that came to its end meanwhile is just that."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            await yard.client.team.registry.announce(_far(settings))
            ids = await yard.hand_in(2, agent="f")
            claims = await yard.queue.claim("n", "far", 60_000, [(lane_of("f", yard.client.place), 2)])
            stays, ends = [Held(claim.id, claim.fence) for claim in claims]
            stopping = asyncio.create_task(yard.client.operator.stop_all())
            await until(yard.queue.paused)
            await yard.queue.finish([(ends, Result())])
            halted = await stopping
            assert len(ids) == 2
            assert (halted.handed_back, halted.left, halted.orphaned) == (0, (stays.id,), ())
            await yard.queue.finish([(stays, Result())])

    run(story())


def test_who_writes_is_told_who_reads_it_when(settings: Settings) -> None:
    """At work, idle, paused, or kept for the user: each is another line."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do), agent(at_once, "b")) as yard:
            ids = await yard.hand_in()
            await until(lambda: bench.now == 1)
            at_work, idle = await yard.client.operator.write_to("all", "hello")
            assert at_work.startswith("sent to a: at work")
            assert idle.startswith("sent to b: idle")
            await yard.client.operator.pause(["b"])
            assert "b: paused" in (await yard.client.operator.write_to("b", "hello"))[0]
            assert await yard.client.operator.write_to("user", "x") == [
                "sent to user: kept where you can read it: `ez msg user`"
            ]
            await yard.client.operator.resume()
            bench.go.set()
            await yard.ended(ids)

    run(story())


def test_the_one_that_waits_longest_is_told_whoever_is_first_in_its_lane(settings: Settings) -> None:
    """Urgent tasks that come again and again keep back those that are not, and must not hide them."""
    settings = msgspec.structs.replace(settings, stuck_s=1)

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            await yard.client.operator.pause()
            (oldest,) = await yard.hand_in(priority=9)
            (urgent,) = await yard.hand_in(priority=0)

            async def starving() -> list[str]:
                return [problem.who for problem in await yard.client.operator.problems() if problem.kind == "starving"]

            await until(starving)
            assert await starving() == [f"2 tasks for a, oldest {oldest}"]
            await yard.client.operator.resume()
            await yard.ended([oldest, urgent])

    run(story())


def test_the_memory_that_counts_is_what_the_engine_may_hold(settings: Settings) -> None:
    """It is the engine's word, whatever the settings of who looks say of an engine that others started."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            memory = await engine_memory(yard.queue)
            assert memory.most_bytes == settings.engine_max_bytes
            assert 0 < memory.used_bytes < memory.most_bytes
            async with Client.connect(msgspec.structs.replace(settings, engine_max_bytes=1)) as looking:
                assert await looking.operator.problems() == []

    run(story())


def test_a_pause_outlives_the_fleet(settings: Settings) -> None:
    """It is the operator's word, kept with the tasks: a restart does not end it."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            await yard.client.operator.pause(["a"])
        async with working(settings, agent(at_once)) as yard:
            ids = await yard.hand_in()
            await yard.fleet.host._sweeper.sweep_once()
            assert (await yard.task(ids[0])).state == "ready"
            await yard.client.operator.resume()
            await yard.ended(ids)

    run(story())
