"""Ended tasks leave the engine for the history, and old days leave the history."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from tests.integration.runtime.fleets import DONE, Yard, agent, at_once, make_id, scripts_run, working
from tests.leaks import run, until

from ezaigents.agents import Context, TaskFailed
from ezaigents.errors import TaskGone
from ezaigents.ids import IdMaker
from ezaigents.queue import append_history
from ezaigents.records import Claim, Result, Task, TaskState
from ezaigents.settings import Settings


def _forgetful(settings: Settings, **more: object) -> Settings:
    return msgspec.structs.replace(settings, ended_keep_s=0.2, sweep_s=0.2, **more)


async def _purged(yard: Yard, count: int) -> None:
    async def over() -> bool:
        return (await yard.queue.counts())["purged"] == count

    await until(over)


def test_purged_tasks_are_read_from_the_history(settings: Settings) -> None:
    """An ended task leaves the engine after its time, and the client still shows it, whole."""

    async def story() -> None:
        async with working(_forgetful(settings), agent(at_once)) as yard:
            ids = await yard.hand_in(700)
            await _purged(yard, 700)
            assert await yard.queue.tasks(ids) == []
            task = await yard.client.task(ids[0])
            assert (task.state, task.summary, task.agent) == (DONE, "done", "a")
            assert [one.id for one in await yard.client.tasks(ids[:3])] == ids[:3]
            with pytest.raises(TaskGone):
                await yard.client.task(make_id())
            assert (await yard.queue.counts())["done"] == 0

    run(story())


def test_by_count_too(settings: Settings) -> None:
    """More ended tasks than may be kept: the oldest leave, however young."""

    async def story() -> None:
        kept = msgspec.structs.replace(settings, ended_keep_count=5, sweep_s=0.1)
        async with working(kept, agent(at_once, slots=1)) as yard:
            ids = await yard.hand_in(20)
            await _purged(yard, 15)
            assert [task.id for task in await yard.queue.tasks(ids)] == ids[15:]

    run(story())


def test_a_purge_cut_short_is_made_again(settings: Settings) -> None:
    """Written down and not yet forgotten when the host died: written again, and the last record counts."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            ids = await yard.hand_in(3)
            tasks = await yard.ended(ids)
            stale = [msgspec.structs.replace(task, summary="before") for task in tasks]
            append_history(settings.home_path / "history", stale)
        async with working(_forgetful(settings), agent(at_once)) as yard:
            await _purged(yard, 3)
            assert [(await yard.client.task(task_id)).summary for task_id in ids] == ["done"] * 3

    run(story())


def test_dead_tasks_stay(settings: Settings) -> None:
    """A dead task is not purged: an operator decides about it."""

    async def do(claim: Claim, context: Context) -> Result:
        raise TaskFailed("no")

    async def story() -> None:
        async with working(_forgetful(settings), agent(do, "bad"), agent(at_once)) as yard:
            dead = await yard.hand_in(agent="bad")
            await yard.ended(dead)
            await yard.hand_in()
            await _purged(yard, 1)
            assert (await yard.task(dead[0])).state is TaskState.DEAD

    run(story())


def test_nothing_is_forgotten_that_cannot_be_written_down(settings: Settings) -> None:
    """While the history cannot be written tasks stay in the engine, and the host does not spin."""

    async def story() -> None:
        async with working(_forgetful(settings), agent(at_once)) as yard:
            history = settings.home_path / "history"
            history.write_text("in the way")
            ids = await yard.hand_in(3)
            await yard.ended(ids)
            before = scripts_run(yard.fleet)
            await asyncio.sleep(1.0)
            assert scripts_run(yard.fleet) - before < 20
            assert len(await yard.queue.tasks(ids)) == 3
            history.unlink()
            await _purged(yard, 3)
            assert (await yard.client.task(ids[0])).state is DONE

    run(story())


def test_old_days_leave_the_data_folder(settings: Settings) -> None:
    """What is older than `history_days`, history and reports, is deleted with the next purge; younger stays."""

    class Yesterday:
        def __init__(self, days: int) -> None:
            self._days = days

        def monotonic_s(self) -> float:
            return 0.0

        def wall_ms(self) -> int:
            return int(time.time() * 1000) - self._days * 86_400_000

    async def story() -> None:
        home = settings.home_path
        old, young = [Task(id=IdMaker(Yesterday(days))(), state=DONE, run="r", agent="a", place="p") for days in (9, 2)]
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        append_history(home / "history", [old, young])
        for task in (old, young):
            (home / "tasks" / task.id / "1").mkdir(parents=True)
            (home / "runs" / task.id).mkdir(parents=True)
        async with working(_forgetful(settings, history_days=3), agent(at_once)) as yard:
            await yard.hand_in()
            await _purged(yard, 1)
            assert (await yard.client.task(young.id)).id == young.id
            with pytest.raises(TaskGone):
                await yard.client.task(old.id)
            assert len(list((home / "history").iterdir())) == 2
            for name in ("tasks", "runs"):
                left = {path.name for path in (home / name).iterdir()}
                assert young.id in left
                assert old.id not in left

    run(story())
