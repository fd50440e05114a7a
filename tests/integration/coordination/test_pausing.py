"""Pause, resume and the kill switch, in a fleet at work."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from tests.integration.coordination.scripted import Scripted, script, scripted
from tests.integration.runtime.fleets import Bench, agent, at_once, hand_in, working
from tests.integration.runtime.hosts import HostProcess
from tests.leaks import run, until

from ezaigents.client import Client
from ezaigents.errors import InputError
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
            await until(lambda: yard.fleet.host.running == 1 and not doing.seen)
            assert (await yard.task(ids[0])).state == "leased"
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
            assert halted.killed == (settings.name,)
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
