"""An apply where the kernel, or the file system, has no renameat2: links and renames stand in for it."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import pytest
from tests.applies import STORIES, World
from tests.chaos.apply_process import Appliers, Job

_MOST_CALLS = 100


def tracer(*injections: str) -> list[str]:
    """A strace that makes renameat2 a call that is not there."""
    program = shutil.which("strace")
    if program is None or platform.machine() != "x86_64":
        pytest.skip("strace is missing, or plain renames are renameat2 here: no kernel without it can be had")
    calls = [f"--inject={injection}" for injection in ("renameat2:error=ENOSYS", *injections)]
    return [program, "-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2,linkat,renameat,unlinkat", *calls]


def job(world: World) -> Job:
    return Job(
        root=str(world.root), blobs=str(world.blobs), intent=str(world.intent), proposal=world.proposal
    )  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_the_tree_becomes_what_was_proposed(tmp_path: Path, story: str) -> None:
    """Without renameat2, too, all of a proposal comes into the tree, and nothing is left over."""
    world = World(tmp_path, STORIES[story])
    with Appliers(*tracer()) as appliers:
        [told] = appliers.run(job(world))
    assert told.applied is not None
    assert told.applied.state == "applied"
    assert world.tree() == world.after
    assert world.rests() == []


@pytest.mark.parametrize("call", ["linkat", "renameat", "unlinkat"])
def test_killed_at_any_link_rename_or_unlink(tmp_path: Path, call: str) -> None:
    """A swap by links that was killed half-way is finished or undone like any other, and a second name is gone."""
    for number in range(1, _MOST_CALLS):
        world = World(tmp_path / str(number), STORIES["small"])
        with Appliers(*tracer(f"{call}:signal=SIGKILL:when={number}")) as appliers:
            [told] = appliers.run(job(world))
        world.recover()
        assert world.tree() in (world.before, world.after), number
        assert world.rests() == [], number
        if not told.was_killed:
            break
    assert number > 2
