"""An apply that is killed between any two of its system calls, and so is its recovery."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec
import pytest
from tests.applies import STORIES, World
from tests.chaos.apply_process import Appliers, Job

_MOST_STEPS = 200


def job(world: World, at: int, number: int, *, recovers: bool = False) -> Job:
    return Job(
        root=str(world.root), blobs=str(world.blobs), intent=str(world.intent),
        proposal=None if recovers else world.proposal, at=at, signal=number,
    )  # fmt: skip


def check_whole(world: World) -> bool:
    """Fail unless the tree is wholly before or wholly after and nothing lies about; say whether it is after."""
    assert world.rests() == []
    assert world.damaged_blobs() == []
    assert world.lost_originals() == []
    assert world.tree() in (world.before, world.after)
    return world.tree() == world.after


@pytest.mark.parametrize("story", STORIES)
def test_an_apply_killed_at_any_step_is_finished_or_undone(tmp_path: Path, story: str) -> None:
    """Wherever an apply is killed, its recovery leaves a tree that is wholly before or wholly after."""
    with Appliers() as appliers:
        for at in range(1, _MOST_STEPS):
            world = World(tmp_path / str(at), STORIES[story])
            [told] = appliers.run(job(world, at, signal.SIGKILL))
            if not told.was_killed:
                break
            recovered = world.recover()
            is_after = check_whole(world)
            # Nobody else wrote, so what was begun is finished, and only what was not begun is left out.
            assert is_after == (recovered is not None), at
            assert recovered is None or recovered.state == "applied", at
            assert world.recover() is None
    assert told.applied is not None
    assert told.applied.state == "applied"
    assert check_whole(world)
    assert at > 10


def test_a_recovery_killed_at_any_step_is_recovered(tmp_path: Path) -> None:
    """Recovery may be killed at each of its steps, after an apply killed at each of its own."""
    kills = 0
    with Appliers() as appliers:
        for at in range(1, _MOST_STEPS):
            for then_at in range(1, _MOST_STEPS):
                world = World(tmp_path / f"{at}-{then_at}", STORIES["small"])
                [told] = appliers.run(job(world, at, signal.SIGKILL))
                [second] = appliers.run(job(world, then_at, signal.SIGKILL, recovers=True))
                kills += told.was_killed and second.was_killed
                world.recover()
                check_whole(world)
                if not second.was_killed:
                    break
            if not told.was_killed:
                break
    assert kills > 100


def test_an_apply_killed_while_it_undoes_loses_nobodys_edit(tmp_path: Path) -> None:
    """Two people's edits, before and while an apply undoes, are not lost wherever it is killed; the rest is whole."""
    first_at = World(tmp_path / "first", STORIES["small"]).steps().index("take away x/gone") + 1
    with Appliers() as appliers:
        for then_at in range(first_at, _MOST_STEPS):
            for at in range(then_at, _MOST_STEPS):
                world = World(tmp_path / f"{then_at}-{at}", STORIES["small"])
                persons = [(first_at, f"{world.root}/x/gone", "one"), (then_at, f"{world.root}/a", "two")]
                [told] = appliers.run(msgspec.structs.replace(job(world, at, signal.SIGKILL), persons=persons))
                if at == then_at and not told.was_killed:
                    break  # it has come to its end without that step
                recovered = world.recover() or told.applied
                tree = world.tree()
                assert tree["x/gone"][0] == b"one", (then_at, at)
                assert recovered is not None
                is_named = world.is_blob(b"two") and "a" in dict(recovered.conflicts)
                assert tree["a"][0] == b"two" or is_named, (then_at, at)
                assert tree.keys() == {"a", "x/gone"}, (then_at, at)
                assert world.rests() == [], (then_at, at)
                if not told.was_killed:
                    break
            if at == then_at:
                break
    assert then_at > first_at + 5
