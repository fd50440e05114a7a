"""Going on after a stop: nothing that was finished is done, or paid for, twice."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from tests.leaks import until

from ezaigents.agents.attempts import begin_anew, earlier_files
from ezaigents.agents.model.conversation import Conversation
from ezaigents.agents.model.journal import (
    JOURNAL_FILE,
    Answered,
    Began,
    Did,
    Ended,
    Record,
    Reopened,
    read_records,
)
from ezaigents.agents.model.pending import outcome_is_unknown
from ezaigents.agents.model.rewinding import rewind
from ezaigents.client import Client, with_costs
from ezaigents.codec import from_json
from ezaigents.errors import InputError
from ezaigents.records import TaskState
from ezaigents.simulate import SimulatedModels
from ezaigents.team import Holder, keep
from ezaigents.wiring import Fleet
from ezaigents.workspace import Overlay

from .scene import EDIT, Scene, at_work, settings_in

_READ = 'calls = [{ name = "read", arguments = { path = "a.txt" } }]'
_END = 'calls = [{ name = "finish", arguments = { summary = "done" } }]'
_EDITS = [
    'calls = [{ name = "edit", arguments = { path = "a.txt", sha256 = "{sha:a.txt}", '
    f'edits = [{{ old = "{old}\\n", new = "{old} more\\n" }}] }} }}]'
    for old in ("two", "zwei")
]
_REWORK = '[[rule]]\nmatch = "go"\n' + "".join(
    f"[[rule.steps]]\n{step}\n" for step in (_READ, _EDITS[0], _END, _READ, _EDITS[1], _END, _END)
)


@pytest.mark.parametrize("step", [0, 1, 2])
async def test_a_task_handed_back_goes_on_where_it_stood(tmp_path: Path, step: int) -> None:
    """A host that stops in the middle hands its task back; the next one makes only the calls that were not finished."""
    log = tmp_path / "calls.jsonl"
    slow = f"match=add,step={step},first=1,first_byte_s=30"
    async with SimulatedModels([EDIT], faults=[slow], log=log) as simulated:
        settings = settings_in(tmp_path, grace_s=0, sim_url=simulated.url)
        async with Fleet(settings) as fleet, Client.connect(settings) as client:
            working = asyncio.create_task(fleet.run())
            scene = Scene(settings, fleet, client, simulated, log)
            task_id = await scene.hand_in("please add a line", apply=True)
            while len(scene.calls()) <= step:
                await asyncio.sleep(0.01)
            fleet.stop()
            await working
        async with Fleet(settings) as fleet, Client.connect(settings) as client:
            working = asyncio.create_task(fleet.run())
            scene = Scene(settings, fleet, client, simulated, log)
            task = await scene.ended(task_id)
            fleet.stop()
            await working
        records = scene.journal(task)
        assert (task.state, task.attempts) == (TaskState.DONE, 0)
        assert [record.step for record in records if isinstance(record, Answered)] == [1, 2, 3]
        assert sum(isinstance(record, Began) for record in records) == 2
        assert len(scene.calls()) == 4
        assert scene.text().count("more") == 1


async def test_a_failed_task_goes_on_when_it_is_retried(tmp_path: Path) -> None:
    """`ez retry` makes only the calls that are missing; with --fresh it begins anew."""
    async with at_work(tmp_path, EDIT, faults=["400,step=1,first=5"]) as scene:
        task = await scene.do("please add a line")
        assert task.state is TaskState.DEAD
        before = len(scene.calls())
        await scene.client.retry([task.id])
        await asyncio.sleep(0)
        task = await scene.ended(task.id)
        assert len(scene.calls()) > before
        answered = [record.step for record in scene.journal(task) if isinstance(record, Answered)]
        assert answered.count(1) == 1


async def test_a_refused_task_that_is_retried_is_asked_again(tmp_path: Path) -> None:
    """A model that refused may not refuse twice; the refusal is no part of what it is asked."""
    rule = '[[rule]]\nmatch = "go"\n[[rule.steps]]\ntext = "x"\nstop = "refusal"\n'
    async with at_work(tmp_path, rule) as scene:
        task = await scene.do("go")
        assert (task.state, len(scene.calls())) == (TaskState.DEAD, 1)
        await scene.client.retry([task.id])
        task = await scene.ended(task.id)
        assert len(scene.calls()) == 2


async def test_a_conflict_is_told_and_worked_over(tmp_path: Path) -> None:
    """Somebody changes the same lines while the task works: the model reads again, and its second patch fits."""
    slow = ["match=go,step=2,first_byte_s=0.5"]
    async with at_work(tmp_path, _REWORK, faults=slow) as scene:
        task_id = await scene.hand_in("go", apply=True, max_attempts=3)
        while len(scene.calls()) < 3:
            await asyncio.sleep(0.01)
        (scene.settings.workspace_path / "a.txt").write_text("one\nzwei\nthree\n")
        task = await scene.ended(task_id)
        assert (task.state, task.patch_state) == (TaskState.DONE, "applied")
        assert scene.text() == "one\nzwei more\nthree\n"
        assert sum(isinstance(record, Reopened) for record in scene.journal(task)) == 1
        assert [record.step for record in scene.journal(task) if isinstance(record, Answered)] == [1, 2, 3, 4, 5, 6]


async def test_a_rework_that_is_finished_is_not_taken_for_a_second_conflict(tmp_path: Path) -> None:
    """The apply of the rework waits for another's lease when the host stops: the next applies it, asks nothing."""
    slow = ["match=go,step=2,first_byte_s=0.5", "match=go,step=5,first_byte_s=0.3"]
    log = tmp_path / "calls.jsonl"
    async with SimulatedModels([_REWORK], faults=slow, log=log) as simulated:
        settings = settings_in(tmp_path, grace_s=0, sim_url=simulated.url)
        async with Fleet(settings) as fleet, Client.connect(settings) as client:
            working = asyncio.create_task(fleet.run())
            scene = Scene(settings, fleet, client, simulated, log)
            task_id = await scene.hand_in("go", apply=True, max_attempts=3)
            await until(lambda: len(scene.calls()) == 3)
            (settings.workspace_path / "a.txt").write_text("one\nzwei\nthree\n")
            await until(lambda: len(scene.calls()) == 6)
            other = Holder(client.place, "another", await client.queue.new_fence(), "apply")
            async with keep(client.team.leases, other, ["a.txt"], ttl_s=30, wait_s=1):
                await until(lambda: any(isinstance(one, Ended) for one in _newest(scene, task_id)))
                fleet.stop()
                await working
        async with Fleet(settings) as fleet, Client.connect(settings) as client:
            working = asyncio.create_task(fleet.run())
            scene = Scene(settings, fleet, client, simulated, log)
            task = await scene.ended(task_id)
            fleet.stop()
            await working
        assert (task.state, task.patch_state) == (TaskState.DONE, "applied")
        assert scene.text() == "one\nzwei more\nthree\n"
        assert len(scene.calls()) == 6


def _newest(scene: Scene, task_id: str) -> list[Record]:
    """What the newest attempt wrote, and no other."""
    folder = scene.settings.home_path / "tasks" / task_id
    fences = sorted((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    path = fences[-1] / JOURNAL_FILE
    return [from_json(line, Record) for line in path.read_bytes().splitlines()] if path.exists() else []  # type: ignore[arg-type]


async def test_a_partial_patch_that_was_applied_is_not_made_again(tmp_path: Path) -> None:
    """A limit stopped it, the user applied what there was, raised the limit and retried: only the rest is done."""
    async with at_work(tmp_path, EDIT, task_steps=2) as scene:
        task = await scene.do("please add a line")
        assert (task.partial, task.patch_state) == (True, "proposed")
        outcome = await scene.client.operator.apply(task.id)
        assert (outcome.state, scene.text().count("more")) == ("applied", 1)
    async with at_work(tmp_path, EDIT) as scene:
        await scene.client.retry([task.id])
        task = await scene.ended(task.id)
        assert (task.state, task.partial, task.patch) == (TaskState.DONE, False, "")
        assert scene.text().count("more") == 1
        assert len(scene.calls()) == 3


async def test_going_back_to_a_step_forgets_its_changes_and_not_its_cost(tmp_path: Path) -> None:
    """`ez retry --from`: the step is asked again on the files as they were before it, and paid again."""
    async with at_work(tmp_path, EDIT, faults=["400,step=2,first=5"]) as scene:
        task = await scene.do("please add a line")
        assert (task.state, task.calls) == (TaskState.DEAD, 2)
        with pytest.raises(InputError, match="no step 3; its steps are 1 to 2"):
            await scene.client.retry([task.id], from_step=3)
    async with at_work(tmp_path, EDIT) as scene:
        await scene.client.retry([task.id], from_step=2)
        again = await scene.ended(task.id)
        assert again.state is TaskState.DONE
        answers = [record for record in scene.journal(again) if isinstance(record, Answered)]
        assert [record.step for record in answers] == [1, 2, 2, 3]
        assert not any(record.failed for record in scene.journal(again) if isinstance(record, Did))
        assert scene.patch(again).count("+more") == 1
        assert again.cost_microusd == sum(record.cost_microusd for record in answers)


async def test_going_back_twice_goes_back_twice(tmp_path: Path) -> None:
    """Whoever goes back to a step, and then to one before it, is there; and beginning anew forgets both."""
    async with at_work(tmp_path, EDIT) as scene:
        task = await scene.do("please add a line")
        folder = scene.settings.home_path / "tasks" / task.id
        for number, step in enumerate((3, 2), 1):
            rewind(folder, task.fence + number, step)
            records, _ = read_records(folder, before=task.fence + 100)
            assert Conversation(records).steps == step - 1
            assert Conversation(records).cost_microusd == task.cost_microusd
            with closing(Overlay(scene.settings.workspace_path, _made(folder), hidden=None, limit_bytes=10**6,
                                 earlier=earlier_files(folder, task.fence + 100))) as files:  # fmt: skip
                assert len(files.changes()) == step - 2
        begin_anew(folder, task.fence)
        assert read_records(folder, before=task.fence + 100) == ([], {})


def _made(folder: Path) -> Path:
    made = folder / f"look-{len(list(folder.iterdir()))}"
    made.mkdir()
    return made


async def test_fresh_forgets_what_was_journaled(tmp_path: Path) -> None:
    """A user who does not trust the journal has the task begin as if nobody had worked on it."""
    rule = '[[rule]]\nmatch = "go"\n[[rule.steps]]\ntext = "x"\nstop = "refusal"\n'
    async with at_work(tmp_path, rule) as scene:
        task = await scene.do("go")
        assert task.state is TaskState.DEAD
        await scene.client.retry([task.id], fresh=True)
        task = await scene.ended(task.id)
        answered = [record.step for record in scene.journal(task) if isinstance(record, Answered)]
        assert answered == [1, 1]
        costs = [record.cost_microusd for record in scene.journal(task) if isinstance(record, Answered)]
        assert with_costs([task], scene.settings.home_path)[0].cost_microusd == sum(costs)  # what was spent stays spent


async def test_a_change_that_may_have_been_made_is_never_made_blindly(tmp_path: Path) -> None:
    """A note that was meant and has no result is told as unknown, and not taken again."""
    rule = (
        '[[rule]]\nmatch = "go"\n[[rule.steps]]\ncalls = [{ name = "note", arguments = { text = "beware" } }]\n'
        '[[rule.steps]]\ncalls = [{ name = "finish", arguments = { summary = "ok" } }]\n'
    )
    async with at_work(tmp_path, rule) as scene:
        task = await scene.do("go")
        folder = scene.settings.home_path / "tasks" / task.id / str(task.fence)
        lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
        cut = next(index for index, line in enumerate(lines) if b'"type":"did"' in line)
        (folder / "journal.jsonl").write_bytes(b"".join(lines[:cut]))  # as if it had died while noting
        records, _ = read_records(folder.parent, before=task.fence + 1)
        talk = Conversation(records)
        assert [call.name for call in talk.pending] == ["note"]
        assert talk.pending[0].id in talk.meant
        assert await outcome_is_unknown(talk.pending[0], None)  # type: ignore[arg-type]
        assert not any(isinstance(record, Did) for record in records)
