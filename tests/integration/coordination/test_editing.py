"""Several agents edit one workspace: every edit is there at the end, and nobody's was written over."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from tests.effort import share
from tests.integration.coordination.scripted import Scripted, script, scripted, write_files
from tests.integration.runtime.fleets import working
from tests.leaks import run

from ezaigents.patches import NotApplicable
from ezaigents.records import PatchState, TaskKind
from ezaigents.settings import Settings


def _text(settings: Settings, name: str) -> str:
    return (Path(settings.workspace) / name).read_text()


def test_a_task_hands_back_a_patch_and_the_tree_stays_as_it_was(settings: Settings) -> None:
    """An edit is a proposal: the workspace changes when it is applied, not before."""
    write_files(settings)

    async def story() -> None:
        async with working(settings, scripted(Scripted())) as yard:
            before = _text(settings, "f0.txt")
            ids = await yard.hand_in(payload=script(["insert", "f0.txt", 1, "new"], ["write", "sub/n.txt", "n\n"]))
            (task,) = await yard.ended(ids)
            assert (task.state.value, task.patch_state) == ("done", PatchState.PROPOSED)
            assert _text(settings, "f0.txt") == before
            outcome = await yard.client.operator.apply(task.id)
            assert outcome.state is PatchState.APPLIED
            assert sorted(outcome.written) == ["f0.txt", "sub/n.txt"]
            assert _text(settings, "f0.txt").splitlines()[1] == "new"
            assert _text(settings, "sub/n.txt") == "n\n"
            assert (await yard.task(task.id)).patch_state is PatchState.APPLIED
            with pytest.raises(NotApplicable, match="applied already"):
                await yard.client.operator.apply(task.id)

    run(story())


def test_a_file_changed_by_a_person_meanwhile_is_a_conflict(settings: Settings) -> None:
    """What the person wrote stays, the patch is kept, and the task can be done again on the files as they are."""
    write_files(settings)

    async def story() -> None:
        async with working(settings, scripted(Scripted())) as yard:
            ids = await yard.hand_in(payload=script(["insert", "f0.txt", 1, "agent"], ["insert", "f1.txt", 1, "agent"]))
            await yard.ended(ids)
            mine = _text(settings, "f0.txt").replace("line 9 ", "my line 9 ")
            (Path(settings.workspace) / "f0.txt").write_text(mine)
            outcome = await yard.client.operator.apply(ids[0])
            assert (outcome.state, [path for path, _ in outcome.conflicts]) == (PatchState.CONFLICT, ["f0.txt"])
            assert _text(settings, "f0.txt") == mine
            assert "agent" not in _text(settings, "f1.txt"), "a patch is applied whole or not at all"
            task = await yard.task(ids[0])
            assert task.patch_state is PatchState.CONFLICT
            assert "f0.txt" in task.patch_error
            await yard.client.retry(ids)
            await yard.ended(ids)
            assert (await yard.client.operator.apply(ids[0])).state is PatchState.APPLIED
            assert _text(settings, "f0.txt").splitlines()[1] == "agent"
            assert "my line 9 " in _text(settings, "f0.txt")

    run(story())


def test_merging_keeps_both_changes_where_they_touch_different_lines(settings: Settings) -> None:
    """Merging is asked for; the same lines are a conflict all the same."""
    write_files(settings)

    async def story() -> None:
        async with working(settings, scripted(Scripted())) as yard:
            ids = await yard.hand_in(2, payload=script(["insert", "f0.txt", 1, "agent"]))
            await yard.ended(ids)
            mine = _text(settings, "f0.txt").replace("line 9 ", "my line 9 ")
            (Path(settings.workspace) / "f0.txt").write_text(mine)
            outcome = await yard.client.operator.apply(ids[0], merge=True)
            assert (outcome.state, outcome.merged) == (PatchState.APPLIED, ("f0.txt",))
            text = _text(settings, "f0.txt")
            assert (text.splitlines()[1], "my line 9 " in text) == ("agent", True)
            (Path(settings.workspace) / "f0.txt").write_text(text.replace("line 0", "LINE 0"))
            again = await yard.client.operator.apply(ids[1], merge=True)
            assert again.state is PatchState.CONFLICT

    run(story())


@pytest.mark.parametrize("merge", ["never", "clean"])
def test_no_edit_is_lost_when_twenty_agents_edit_the_same_files(settings: Settings, merge: str) -> None:
    """Whatever order they come in: each inserted line is there once, and every other line is as it was."""
    names = write_files(settings, 10, 40)
    luck = random.Random(7)
    tasks = share(60, 2)
    settings = msgspec.structs.replace(settings, merge=merge, lock_wait_s=30)

    async def story() -> None:
        agents = [scripted(Scripted(), f"e{number}", slots=1) for number in range(20)]
        async with working(settings, *agents) as yard:
            wanted: Counter[tuple[str, str]] = Counter()
            runs = []
            for number in range(tasks):
                files = luck.sample(names, 2)
                steps = [["insert", name, luck.randrange(40), f"edit {number}"] for name in files]
                wanted.update((name, f"edit {number}") for name in files)
                runs.append(_hand_in(yard, f"e{number % 20}", script(*steps)))
            ids = [ids[0] for ids in await asyncio.gather(*runs)]
            ended = await yard.ended(ids, limit_s=60)
            assert {(task.state.value, task.patch_state.value) for task in ended} == {("done", "applied")}
            for name in names:
                lines = _text(settings, name).splitlines()
                found = Counter((name, line) for line in lines if line.startswith("edit"))
                assert found == Counter({key: count for key, count in wanted.items() if key[0] == name})
                rest = [line for line in lines if not line.startswith("edit")]
                assert rest == [f"line {line} of {name}" for line in range(40)]
            assert not list(Path(settings.workspace).glob(".ez-*"))

    run(story(), limit_s=90)


async def _hand_in(yard: object, agent: str, payload: str) -> list[str]:
    from tests.integration.runtime.fleets import Yard, make_id

    from ezaigents.records import Run, TaskSpec

    assert isinstance(yard, Yard)
    place = yard.client.place
    of = Run(id=make_id(), prompt="x", agent=agent, kind=TaskKind.EDIT, workspace="/w", place=place, apply=True)
    spec = TaskSpec(id=make_id(), agent=agent, place=place, run=of.id, payload=payload, max_attempts=500)
    known = await yard.queue.submit([spec], run=of)
    return [known[spec.id]]
