"""The client: handing in, following, reading and steering, against a fleet at work."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.runtime.fleets import DONE, Bench, Yard, agent, at_once, working
from tests.leaks import run, until

from ezaigents import Client, Progress, Wish
from ezaigents.agents import Context, Declared, TaskFailed
from ezaigents.agents.local.payload import Role, decode_payload
from ezaigents.engine import EngineHandle, begin, find_living
from ezaigents.errors import AgentUnavailable, InputError, KeyConflict, NotRunning, QueueFull, TaskGone
from ezaigents.home import open_home
from ezaigents.records import AgentCard, AgentState, Answer, Claim, Result, TaskKind, TaskState
from ezaigents.settings import Settings

WISH = Wish(prompt="What is here?", paths=(), agent="a", kind=TaskKind.ANALYZE)
UNAVAILABLE = Declared(AgentCard(name="claude", state=AgentState.UNAVAILABLE, reason="no key"), None)


def _write(settings: Settings, *names: str) -> None:
    for name in names:
        path = settings.workspace_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")


def _wish(**other: Any) -> Wish:
    return msgspec.structs.replace(WISH, **other)


async def _watch(client: Client, run_id: str) -> list[Progress]:
    async with asyncio.timeout(20):
        return [progress async for progress in client.watch(run_id)]


# -- handing in ------------------------------------------------------------------------------------------------------


def test_a_run_is_a_task_per_file_and_a_summary(settings: Settings) -> None:
    """Every file becomes a task, the summary comes last, waits for all, and sees them."""
    seen: list[Sequence[str]] = []

    async def do(claim: Claim, context: Context) -> Result:
        payload = decode_payload(context.settings.home_path, claim.payload)
        if payload.role is Role.SUMMARY:
            seen.append([task.title for task in await context.parents()])
        return Result(summary=await context.prompt())

    async def story() -> None:
        _write(settings, "b.py", "a.py", "sub/c.py")
        async with working(settings, agent(do)) as yard:
            handed = await yard.client.submit(WISH)
            progress = await _watch(yard.client, handed.run.id)
            assert (progress[-1].counts.total, progress[-1].counts.done, progress[-1].counts.open) == (4, 4, 0)
            tasks = await yard.client.tasks_of(handed.run.id)
            assert [task.title for task in tasks] == ["a.py", "b.py", "sub/c.py", "summary"]
            assert {task.summary for task in tasks} == {"What is here?"}
            assert seen == [["a.py", "b.py", "sub/c.py"]]

    run(story())


def test_a_long_prompt_is_kept_in_a_file(settings: Settings) -> None:
    """A prompt of up to 1 MiB reaches the agent whole, and is not in the engine."""
    prompts: list[str] = []

    async def do(claim: Claim, context: Context) -> Result:
        prompts.append(await context.prompt())
        return Result()

    async def story() -> None:
        _write(settings, "a.py")
        long = "é" * (512 * 1024)
        async with working(settings, agent(do)) as yard:
            handed = await yard.client.submit(_wish(prompt=long))
            await _watch(yard.client, handed.run.id)
            assert prompts == [long, long]
            kept = await yard.client.run(handed.run.id)
            assert kept is not None
            assert kept.prompt == ""

    run(story())


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"prompt": "  "}, "prompt: is empty"),
        ({"prompt": "x" * (1024 * 1024 + 1)}, "prompt: is 1,048,577 bytes, limit 1,048,576"),
        ({"prompt": "a\0b"}, "NUL"),
        ({"prompt": "\udcff"}, "not valid UTF-8"),
        ({"agent": "locla"}, "did you mean 'local'"),
        ({"agent": "zzzzz"}, "no agent 'zzzzz'"),
        ({"paths": ("empty",)}, "no files in 'empty'"),
        ({"priority": 10}, "priority"),
        ({"max_attempts": 0}, "max_attempts"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(settings: Settings, other: dict[str, Any], says: str) -> None:
    """A wrong argument is named, and nothing is accepted."""

    async def story() -> None:
        _write(settings, "a.py")
        (settings.workspace_path / "empty").mkdir()
        async with working(settings, agent(at_once), agent(at_once, "local")) as yard:
            with pytest.raises(InputError, match=says):
                await yard.client.submit(_wish(**other))
            assert (await yard.queue.counts())["accepted"] == 0

    run(story())


def test_an_agent_that_cannot_work_is_refused_with_its_reason(settings: Settings) -> None:
    """A task for an unavailable agent is not accepted: its reason is the error's."""

    async def story() -> None:
        _write(settings, "a.py")
        async with working(settings, UNAVAILABLE) as yard:
            with pytest.raises(AgentUnavailable, match="no key"):
                await yard.client.submit(_wish(agent="claude"))

    run(story())


def test_a_workspace_nobody_serves_is_refused(settings: Settings, tmp_path: Path) -> None:
    """Tasks for a folder that no host of the fleet serves would wait for ever."""

    async def story() -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "a.py").write_text("x")
        other = msgspec.structs.replace(settings, workspace=str(elsewhere))
        async with working(settings, agent(at_once)), Client.connect(other) as client:
            with pytest.raises(NotRunning, match="elsewhere"):
                await client.submit(WISH)

    run(story())


def test_a_fleet_that_ends_while_it_is_connected_to_is_not_running(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was found, and is gone when it is connected to: the caller may start one, as if none had been found."""
    open_home(settings.home_path)
    engine = begin(settings).ready()
    found: list[EngineHandle | None] = []

    def find(of: Settings) -> EngineHandle | None:
        found.append(find_living(of))
        engine.leave()
        return found[-1]

    async def story() -> None:
        async with Client.connect(settings):
            pass

    monkeypatch.setattr("ezaigents.client.client.find_living", find)
    with pytest.raises(NotRunning, match="no fleet runs"):
        run(story())
    assert [handle is None for handle in found] == [False, True]


def test_a_full_queue_refuses(settings: Settings) -> None:
    """Admission says so instead of losing anything, and tells how to raise the limit."""

    async def story() -> None:
        _write(settings, "a.py", "b.py")
        tight = msgspec.structs.replace(settings, queue_max_open=2)
        async with working(tight, agent(at_once)) as yard:
            with pytest.raises(QueueFull, match="queue_max_open"):
                await yard.client.submit(WISH)
            assert (await yard.queue.counts())["accepted"] == 0

    run(story())


@pytest.mark.parametrize("files", [2, 250])
def test_the_same_wish_under_the_same_key_is_the_same_run(settings: Settings, files: int) -> None:
    """An idempotency key makes handing in again harmless, also when the lists of paths lie in files."""

    async def story() -> None:
        _write(settings, *[f"some/quite/long/folder/name/f{number}.py" for number in range(files)])
        async with working(settings, agent(at_once)) as yard:
            first = await yard.client.submit(_wish(key="once"))
            again = await yard.client.submit(_wish(key="once"))
            assert (again.run.id, [s.id for s in again.specs]) == (first.run.id, [s.id for s in first.specs])
            assert (await yard.queue.counts())["accepted"] == len(first.specs)
            with pytest.raises(KeyConflict):
                await yard.client.submit(_wish(key="once", prompt="something else"))

    run(story())


# -- following -------------------------------------------------------------------------------------------------------


def test_watching_sees_every_task_end(settings: Settings) -> None:
    """The news of a run name each of its tasks as done; the last progress has none open."""

    async def story() -> None:
        _write(settings, *[f"f{number}.py" for number in range(30)])
        async with working(settings, agent(at_once)) as yard:
            handed = await yard.client.submit(WISH)
            progress = await _watch(yard.client, handed.run.id)
            done = {i for p in progress for event in p.news if event.state is DONE for i in event.tasks}
            assert done == {spec.id for spec in handed.specs}
            assert [p.counts.open == 0 for p in progress].count(True) == 1

    run(story())


def test_the_last_progress_has_all_the_news(settings: Settings) -> None:
    """What the counts of a run tell its news tell too, however many other events lie between."""

    async def story() -> None:
        bench = Bench()
        _write(settings, "a.py")
        async with working(settings, agent(bench.do), agent(at_once, "noise")) as yard:
            handed = await yard.client.submit(WISH)
            watching = yard.client.watch(handed.run.id)
            progress = [await anext(watching)]
            await until(lambda: bench.now == 1)
            for _ in range(200):  # three events each: more than one read takes
                await yard.hand_in(agent="noise")
            bench.go.set()
            await yard.ended([spec.id for spec in handed.specs])
            progress += [one async for one in watching]
            done = {i for p in progress for event in p.news if event.state is DONE for i in event.tasks}
            assert done == {spec.id for spec in handed.specs}

    run(story())


def test_watching_an_unknown_run_is_an_error(settings: Settings) -> None:
    """A run that nobody knows is not waited for."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            with pytest.raises(TaskGone):
                await _watch(yard.client, "0" * 18)

    run(story())


def test_watching_goes_on_when_the_engine_restarts(settings: Settings) -> None:
    """An engine that dies under a watcher is waited for, and the run is followed to its end."""

    async def story() -> None:
        bench = Bench()
        _write(settings, "a.py", "b.py")
        async with working(settings, agent(bench.do)) as yard:
            handed = await yard.client.submit(WISH)
            watching = asyncio.create_task(_watch(yard.client, handed.run.id))
            await until(lambda: bench.now == 2)
            pid = yard.fleet.engine.pid
            yard.kill_engine()
            await until(lambda: yard.fleet.engine.pid != pid)
            bench.go.set()
            assert (await watching)[-1].counts.done == 3

    run(story())


def test_events_come_as_they_happen(settings: Settings) -> None:
    """Who listens hears of each state a task goes through, in order."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            heard: list[tuple[str, str]] = []

            async def listen() -> None:
                async for batch in yard.client.events(since="0"):
                    heard.extend((task, event.state.value) for event in batch for task in event.tasks)

            listening = asyncio.create_task(listen())
            ids = await yard.hand_in()
            await until(lambda: len(heard) == 3)
            listening.cancel()
            await asyncio.wait([listening])
            assert heard == [(ids[0], "ready"), (ids[0], "leased"), (ids[0], "done")]

    run(story())


# -- reading and steering --------------------------------------------------------------------------------------------


def test_status_has_its_promised_shape(settings: Settings) -> None:
    """`ez status --json` shows exactly these names, and the figures are those of the moment."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do, slots=3), UNAVAILABLE) as yard:
            ids = await yard.hand_in(4)
            await until(lambda: bench.now == 3)
            status = msgspec.to_builtins(await yard.client.status())
            bench.go.set()
            await yard.ended(ids)
        assert list(status) == ["ready", "agents", "queue", "engine", "host", "started_in_s"]
        assert status["ready"] is True
        assert status["agents"] == [
            {"name": "a", "state": "ready", "slots": 3, "busy": 3},
            {"name": "claude", "state": "unavailable: no key", "slots": 4, "busy": 0},
        ]
        states = ["blocked", "ready", "delayed", "leased", "done", "dead", "cancelled", "skipped"]
        assert status["queue"] == dict(zip(states, [0, 1, 0, 3, 0, 0, 0, 0], strict=True))
        assert list(status["engine"]) == ["kind", "version", "durability", "used_memory_bytes"]
        assert (status["engine"]["kind"], status["engine"]["durability"]) == ("embedded", "always")
        assert status["engine"]["used_memory_bytes"] > 0
        assert (status["host"]["name"], status["host"]["pid"]) == ("main", os.getpid())
        assert status["host"]["rss_bytes"] > 10_000_000
        assert status["started_in_s"] > 0

    run(story())


def test_agents_add_up_over_hosts(settings: Settings) -> None:
    """An agent that is ready on several hosts has their slots together; where one cannot work the others count."""

    async def story() -> None:
        second = msgspec.structs.replace(settings, name="second")
        lame = Declared(AgentCard(name="b", slots=9, state=AgentState.UNAVAILABLE, reason="no key"), None)
        async with (
            working(settings, agent(at_once, slots=2), agent(at_once, "b", slots=5), judged=False) as yard,
            working(second, agent(at_once, slots=3), lame, judged=False),
        ):
            rows = {row.name: (row.state, row.slots) for row in await yard.client.agents()}
            assert rows == {"a": ("ready", 5), "b": ("ready", 5)}

    run(story())


def test_tasks_are_listed_newest_first_and_chosen_by_state(settings: Settings) -> None:
    """`all_tasks` shows what the engine knows, as many and of such states as asked for."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            done = await yard.hand_in(3)
            await yard.ended(done)
            later = await yard.hand_in(2, delay_ms=60_000)
            tasks = await yard.client.all_tasks()
            assert [task.id for task in tasks] == sorted(done + later, reverse=True)
            assert {task.id for task in await yard.client.all_tasks(states=["delayed"])} == set(later)
            assert [task.id for task in await yard.client.all_tasks(most=2)] == sorted(later, reverse=True)

    run(story())


def test_cancelling_whatever_state(settings: Settings) -> None:
    """A waiting task is cancelled at once, a running one is asked, an ended or unknown one is told apart."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do, slots=1), agent(at_once, "b")) as yard:
            ended = await yard.hand_in(agent="b")
            await yard.ended(ended)
            running = await yard.hand_in()
            await until(lambda: bench.now == 1)
            waiting = await yard.hand_in()
            answers = await yard.client.cancel([*waiting, *running, *ended, "0" * 18])
            assert answers == ["OK", "ASKED", "STALE", "GONE"]
            tasks = await yard.ended(waiting + running)
            assert {task.state for task in tasks} == {TaskState.CANCELLED}

    run(story())


def test_a_dead_task_is_tried_again_when_told(settings: Settings) -> None:
    """`retry` gives a dead task all its attempts anew; one that is done stays done."""
    fails = True

    async def do(claim: Claim, context: Context) -> Result:
        if fails:
            raise TaskFailed("no")
        return Result(summary="yes")

    async def story() -> None:
        nonlocal fails
        async with working(settings, agent(do)) as yard:
            ids = await yard.hand_in()
            assert (await yard.ended(ids))[0].state is TaskState.DEAD
            fails = False
            assert await yard.client.retry([*ids, "0" * 18]) == [Answer.OK, Answer.GONE]
            assert (await yard.ended(ids))[0].summary == "yes"
            assert await yard.client.retry(ids) == [Answer.STALE]

    run(story())


def test_tasks_that_were_purged_are_found_again(settings: Settings) -> None:
    """The tasks of a run that ended long ago come from the history, in their order, beside those still kept."""

    async def story() -> None:
        _write(settings, "a.py", "b.py", "c.py")
        forgetful = msgspec.structs.replace(settings, ended_keep_s=0.4, sweep_s=0.1)
        bench = Bench()

        async def do(claim: Claim, context: Context) -> Result:
            return await (bench.do if claim.title == "summary" else at_once)(claim, context)

        async with working(forgetful, agent(do)) as yard:
            handed = await yard.client.submit(WISH)
            await _purged(yard, 3)
            tasks = await yard.client.tasks_of(handed.run.id)
            assert [task.title for task in tasks] == ["a.py", "b.py", "c.py", "summary"]
            bench.go.set()
            await _purged(yard, 4)
            assert await yard.client.run(handed.run.id) is None
            assert await yard.client.tasks_of(handed.run.id) == []

    run(story())


async def _purged(yard: Yard, count: int) -> None:
    async def over() -> bool:
        return (await yard.queue.counts())["purged"] == count

    await until(over)
