"""How an attempt ends, and that one agent's end is not its neighbours'."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from tests.integration.runtime.fleets import DONE, Bench, Do, agent, at_once, working
from tests.leaks import run, until

from ezaigents.agents import Context, TaskFailed
from ezaigents.errors import InputError, RetryLater
from ezaigents.records import Claim, Result, Task, TaskState
from ezaigents.settings import Settings


def _only(settings: Settings, do: Do, **spec: Any) -> Task:
    """The end of one task, worked on by `do`."""

    async def story() -> Task:
        async with working(settings, agent(do)) as yard:
            return (await yard.ended(await yard.hand_in(**spec)))[0]

    return run(story())


def test_a_result_is_kept(settings: Settings) -> None:
    """What an agent hands back is in the task's record."""

    async def do(claim: Claim, context: Context) -> Result:
        return Result(summary="all is well", report="tasks/x/report.md", cost_microusd=12, simulated=True)

    task = _only(settings, do)
    assert (task.state, task.summary, task.report) == (DONE, "all is well", "tasks/x/report.md")
    assert (task.cost_microusd, task.simulated) == (12, True)


def test_a_failure_that_cannot_be_mended_is_final(settings: Settings) -> None:
    """An agent that says so ends its task at once, with its words."""

    async def do(claim: Claim, context: Context) -> Result:
        raise TaskFailed("not a file of ours")

    task = _only(settings, do)
    assert (task.state, task.error, task.attempts) == (TaskState.DEAD, "not a file of ours", 1)


@pytest.mark.parametrize(
    "error", [TaskFailed("busy", retryable=True), RetryLater("busy"), RuntimeError("busy"), SystemExit("busy")]
)
def test_a_failure_that_may_pass_is_tried_again(settings: Settings, error: BaseException) -> None:
    """A retryable failure, or whatever an agent breaks with, costs an attempt; with the last one the task is dead."""

    async def do(claim: Claim, context: Context) -> Result:
        raise error

    task = _only(settings, do, max_attempts=1)
    assert (task.state, task.attempts) == (TaskState.DEAD, 1)
    assert "busy" in task.error


def test_an_error_of_ours_that_is_final_is_not_tried_again(settings: Settings) -> None:
    """The error tree says what may be repeated; nothing else is asked."""

    async def do(claim: Claim, context: Context) -> Result:
        raise InputError("payload", "names no files")

    task = _only(settings, do)
    assert (task.state, task.attempts) == (TaskState.DEAD, 1)


def test_a_cancellation_of_the_agents_own_is_a_failure(settings: Settings) -> None:
    """An agent that cancels itself spends an attempt; it is not handed the same task again and again."""
    begun = 0

    async def do(claim: Claim, context: Context) -> Result:
        nonlocal begun
        begun += 1
        raise asyncio.CancelledError

    task = _only(settings, do, max_attempts=1)
    assert (task.state, task.attempts, begun) == (TaskState.DEAD, 1, 1)


def test_a_broken_agent_does_not_hurt_its_neighbours(settings: Settings) -> None:
    """Whatever one agent raises, the tasks of the others end as if nothing had happened."""
    errors: list[BaseException] = [
        RuntimeError("x"), SystemExit(1), RecursionError(), MemoryError(), GeneratorExit(), asyncio.CancelledError(),
        BaseExceptionGroup("x", [SystemExit(1)]), TimeoutError(), StopAsyncIteration(),
    ]  # fmt: skip

    async def bad(claim: Claim, context: Context) -> Result:
        raise errors[int(claim.payload)]

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do), agent(bad, "bad")) as yard:
            good = await yard.hand_in(2)
            await until(lambda: bench.now == 2)
            broken = [
                (await yard.hand_in(agent="bad", payload=str(number), max_attempts=1))[0]
                for number in range(len(errors))
            ]
            assert [task.state for task in await yard.ended(broken)] == [TaskState.DEAD] * len(errors)
            bench.go.set()
            assert [task.state for task in await yard.ended(good)] == [DONE] * 2
            assert bench.began == good

    run(story())


def test_an_agent_that_cannot_be_made_fails_its_tasks(settings: Settings) -> None:
    """An agent whose making fails costs its tasks an attempt, and nobody else anything."""
    from ezaigents.agents import Declared
    from ezaigents.records import AgentCard

    def make(settings: Settings) -> object:
        raise ImportError("no module of that name")

    async def story() -> None:
        broken = Declared(AgentCard(name="broken"), make)  # type: ignore[arg-type]
        async with working(settings, broken, agent(at_once)) as yard:
            bad, good = await yard.hand_in(agent="broken", max_attempts=1), await yard.hand_in()
            tasks = await yard.ended(bad + good)
            assert [task.state for task in tasks] == [TaskState.DEAD, DONE]
            assert "no module of that name" in tasks[0].error

    run(story())


def test_a_deadline_stops_the_work(settings: Settings) -> None:
    """A running task is stopped at its deadline; it is dead, with the reason `deadline`."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do)) as yard:
            ids = await yard.hand_in(deadline_ms=int(time.time() * 1000) + 300)
            task = (await yard.ended(ids, limit_s=2))[0]
            assert (task.state, task.error) == (TaskState.DEAD, "deadline")
            assert bench.stopped == ids

    run(story())


def test_an_agents_own_timeout_is_not_the_deadline(settings: Settings) -> None:
    """A TimeoutError of the agent's is a failure like any other, also when the task has a deadline."""

    async def do(claim: Claim, context: Context) -> Result:
        raise TimeoutError("the socket was silent")

    task = _only(settings, do, max_attempts=1, deadline_ms=int(time.time() * 1000) + 60_000)
    assert "the socket was silent" in task.error


def test_what_the_context_offers(settings: Settings) -> None:
    """An agent is told the prompt, its parents, its time, and has a folder of its own attempt."""
    seen: dict[str, object] = {}

    async def do(claim: Claim, context: Context) -> Result:
        if claim.title == "parent":
            return Result(summary="from the parent")
        seen["prompt"] = await context.prompt()
        seen["parents"] = [task.summary for task in await context.parents()]
        seen["left_s"] = context.time_left_s()
        (context.task_folder() / "note").write_text("x")
        seen["folder"] = context.task_folder().relative_to(context.settings.home_path).parts
        seen["own"] = (claim.id, str(claim.fence))
        return Result()

    async def story() -> None:
        async with working(settings, agent(do)) as yard:
            parent = await yard.hand_in(title="parent")
            await yard.ended(await yard.hand_in(parents=tuple(parent), deadline_ms=int(time.time() * 1000) + 9000))

    run(story())
    assert seen["prompt"] == "x"
    assert seen["parents"] == ["from the parent"]
    assert isinstance(seen["left_s"], float)
    assert 0 < seen["left_s"] <= 9
    assert seen["folder"] == ("tasks", *seen["own"])  # type: ignore[misc]
