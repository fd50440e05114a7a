"""Who else is at these files: told, waited for, or refused, before work is spent."""

from __future__ import annotations

import msgspec
import pytest
from tests.integration.coordination.scripted import Scripted, script, scripted, write_files
from tests.integration.runtime.fleets import working
from tests.leaks import run, until

from ezaigents.client import FilesTaken, Wish
from ezaigents.client.problems import Problem
from ezaigents.records import TaskKind
from ezaigents.settings import Settings
from ezaigents.team import LeaseBusy


def test_by_default_a_task_is_told_and_goes_on(settings: Settings) -> None:
    """It learns which task of which agent means to change the file, or has changed it."""
    write_files(settings)

    async def story() -> None:
        first, second = Scripted(), Scripted()
        async with working(settings, scripted(first), scripted(second, "b")) as yard:
            one = await yard.hand_in(payload=script(["means", "f0.txt"], ["wait", "go"]))
            await until(lambda: first.working)
            two = await yard.hand_in(agent="b", payload=script(["means", "f0.txt", "f1.txt"]))
            await yard.ended(two)
            assert [(seen.path, seen.task, seen.agent, seen.theirs) for seen in second.seen] == [
                ("f0.txt", one[0], "a", "means to change")
            ]
            first.gates["go"].set()
            await yard.ended(one)
            three = await yard.hand_in(agent="b", payload=script(["means", "f0.txt"]))
            await yard.ended(three)
            assert len(second.seen) == 1, "a task that has ended is at no file any more"

    run(story())


def test_what_was_read_and_changed_is_known_without_being_said(settings: Settings) -> None:
    """The overlay tells: a change to a file that another task has read is an overlap, two readers are none."""
    write_files(settings)

    async def story() -> None:
        first, second = Scripted(), Scripted()
        async with working(settings, scripted(first), scripted(second, "b")) as yard:
            one = await yard.hand_in(
                payload=script(["read", "f0.txt"], ["read", "f1.txt"], ["overlaps"], ["wait", "go"])
            )
            await until(lambda: first.working)
            steps = script(["insert", "f0.txt", 1, "x"], ["read", "f1.txt"], ["overlaps"], ["overlaps"])
            await yard.ended(await yard.hand_in(agent="b", payload=steps))
            assert [(seen.path, seen.theirs, seen.ours) for seen in second.seen] == [
                ("f0.txt", "has read", "has changed")
            ]
            first.gates["go"].set()
            await yard.ended(one)

    run(story())


def test_serialised_tasks_wait_for_each_other(settings: Settings) -> None:
    """The second begins its work when the first has ended, holding the files for its whole time."""
    write_files(settings)
    settings = msgspec.structs.replace(settings, overlap="serialise", lock_wait_s=20, stuck_s=1)

    async def story() -> None:
        first, second = Scripted(), Scripted()
        async with working(settings, scripted(first), scripted(second, "b")) as yard:
            one = await yard.hand_in(payload=script(["means", "f0.txt"], ["wait", "go"]))
            await until(lambda: first.working)
            two = await yard.hand_in(agent="b", payload=script(["means", "f0.txt"], ["wait", "go"]))

            async def waits() -> bool:
                return [row.task for row in (await yard.client.operator.locks()).waiting] == two

            await until(waits)

            async def told() -> list[Problem]:
                return await yard.client.operator.problems()

            await until(told)  # not at once: the one in front is at work
            stalls, waiting = await told()
            assert (stalls.kind, waiting.kind, waiting.who) == (
                "no-progress", "waits-for-files", f"task {two[0]}",
            )  # fmt: skip
            assert one[0] in waiting.why
            assert not second.working
            first.gates["go"].set()
            await until(lambda: second.working)
            locks = await yard.client.operator.locks()
            assert ([row.task for row in locks.held], locks.waiting) == (two, ())
            second.gates["go"].set()
            await yard.ended([*one, *two])
            assert (await yard.client.operator.locks()).held == ()

    run(story())


def test_one_that_waited_too_long_is_handed_back_and_comes_again(settings: Settings) -> None:
    """No attempt is spent by waiting; the slot is free meanwhile."""
    write_files(settings)
    settings = msgspec.structs.replace(settings, overlap="serialise", lock_wait_s=0)

    async def story() -> None:
        first, second = Scripted(), Scripted()
        async with working(settings, scripted(first), scripted(second, "b", slots=1)) as yard:
            one = await yard.hand_in(payload=script(["means", "f0.txt"], ["wait", "go"]))
            await until(lambda: first.working)
            two = await yard.hand_in(agent="b", payload=script(["means", "f0.txt"]))

            async def came_back() -> bool:
                return (await yard.task(two[0])).state == "delayed"

            await until(came_back)
            await yard.ended(await yard.hand_in(agent="b", payload=script(["means", "f1.txt"])))
            first.gates["go"].set()
            await yard.ended(one)
            (task,) = await yard.ended(two)
            assert (task.state.value, task.attempts) == ("done", 0)

    run(story())


def test_blocked_tasks_end_before_work_is_spent(settings: Settings) -> None:
    """The reason names the file and the task that is at it; a job over such files is refused when it is handed in."""
    write_files(settings)
    settings = msgspec.structs.replace(settings, overlap="block")

    async def story() -> None:
        first, second = Scripted(), Scripted()
        async with working(settings, scripted(first), scripted(second, "b")) as yard:
            one = await yard.hand_in(payload=script(["means", "f0.txt"], ["wait", "go"]))
            await until(lambda: first.working)
            (task,) = await yard.ended(
                await yard.hand_in(agent="b", payload=script(["means", "f0.txt"], ["wait", "x"]))
            )
            assert task.state == "dead"
            assert "f0.txt" in task.error
            assert one[0] in task.error
            assert not second.working
            with pytest.raises(FilesTaken, match=r"f0\.txt"):
                await yard.client.submit(Wish(prompt="x", paths=("f0.txt",), agent="b", kind=TaskKind.EDIT))
            first.gates["go"].set()
            await yard.ended(one)

    run(story())


def test_a_job_over_files_in_use_is_handed_in_with_a_warning(settings: Settings) -> None:
    """The submitter is told before a task of its own begins."""
    write_files(settings)

    async def story() -> None:
        first, second = Scripted(), Scripted()
        async with working(settings, scripted(first), scripted(second, "b")) as yard:
            one = await yard.hand_in(payload=script(["means", "f0.txt"], ["wait", "go"]))
            await until(lambda: first.working)
            await yard.client.operator.pause(["b"])
            wish = Wish(prompt="x", paths=("f0.txt", "f1.txt"), agent="b", kind=TaskKind.EDIT)
            handed = await yard.client.submit(wish)
            assert [(overlap.path, overlap.task) for overlap in handed.overlaps] == [("f0.txt", one[0])]
            asked = await yard.client.submit(msgspec.structs.replace(wish, kind=TaskKind.ANALYZE))
            assert asked.overlaps == ()
            await yard.client.cancel([spec.id for spec in (*handed.specs, *asked.specs)])
            first.gates["go"].set()
            await yard.ended(one)

    run(story())


def test_a_task_may_hold_files_for_its_whole_time(settings: Settings) -> None:
    """By pattern; whoever applies a patch there meanwhile is told who has them, and gets them afterwards."""
    write_files(settings)
    settings = msgspec.structs.replace(settings, lock_wait_s=0)

    async def story() -> None:
        doing = Scripted()
        async with working(settings, scripted(doing)) as yard:
            patch = await yard.hand_in(payload=script(["insert", "f0.txt", 1, "x"]))
            await yard.ended(patch)
            holder = await yard.hand_in(payload=script(["lease", "f*.txt"], ["wait", "go"]))
            await until(lambda: doing.working)
            with pytest.raises(LeaseBusy, match=holder[0]):
                await yard.client.operator.apply(patch[0])
            doing.gates["go"].set()
            await yard.ended(holder)
            assert (await yard.client.operator.apply(patch[0])).state == "applied"

    run(story())


def test_a_lease_outside_the_workspace_is_refused(settings: Settings) -> None:
    """The attempt ends with the reason; nothing is leased."""

    async def story() -> None:
        async with working(settings, scripted(Scripted())) as yard:
            (task,) = await yard.ended(await yard.hand_in(payload=script(["lease", "../else"])))
            assert task.state == "dead"
            assert "outside the workspace" in task.error
            assert (await yard.client.operator.locks()).held == ()

    run(story())
