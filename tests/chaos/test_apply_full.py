"""An apply on a disk that fills up at any moment: a small one of its own, in memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.applies import STORIES, Story, World
from tests.chaos.apply_process import Appliers, Job

from ezaigents.errors import EzError
from ezaigents.workspace.applied import NoRoomToApply

_LARGE = b"a line of text\n" * 2000
BIG = Story(
    before={"a": (_LARGE, 0o644), "x/gone": (_LARGE[1:], 0o644)},
    after={"a": (_LARGE[2:], 0o644), "y/new": (_LARGE[3:], 0o644)},
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Leave not a byte."""
    with (disk / "filler").open("ab", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))


def make_room(disk: Path) -> None:
    (disk / "filler").unlink(missing_ok=True)


class Filling:
    """Fill the disk at one step."""

    def __init__(self, disk: Path, at: int) -> None:
        self._disk = disk
        self._steps_left = at

    def __call__(self, step: str) -> None:
        self._steps_left -= 1
        if self._steps_left == 0:
            fill(self._disk)


@pytest.mark.parametrize("story", [BIG, STORIES["merge"], STORIES["renames"]], ids=["big", "merge", "renames"])
def test_a_disk_that_fills_up_at_any_step_changes_nothing(disk: Path, story: Story) -> None:
    """Full at any step: the apply ends well, or says what to free and has changed nothing; then it can be repeated."""
    steps = World(disk / "first", story).steps()
    refused = 0
    for at in range(1, len(steps) + 1):
        world = World(disk / str(at), story)
        try:
            assert world.apply(step=Filling(disk, at)).state == "applied", steps[at - 1]
        except NoRoomToApply as error:
            assert "free some" in str(error)
            refused += 1
            assert world.tree() == world.before, steps[at - 1]
            assert world.rests() == [], steps[at - 1]
            make_room(disk)
            assert world.apply(name="t-2").state == "applied"
        assert world.tree() == world.after, steps[at - 1]
        assert world.rests() == [], steps[at - 1]
        make_room(disk)
        subprocess.run(["rm", "-r", str(world.root.parent)], check=True)
    assert refused > 3


def test_a_recovery_on_a_full_disk_undoes_what_it_cannot_finish(disk: Path) -> None:
    """Killed at any step and recovered on a full disk, the tree is of one piece, at the latest when there is room."""
    steps = World(disk / "first", BIG).steps()
    ends = set()
    with Appliers() as appliers:
        for at in range(1, len(steps) + 1):
            world = World(disk / str(at), BIG)
            appliers.run(
                Job(root=str(world.root), blobs=str(world.blobs), intent=str(world.intent), proposal=world.proposal,
                    at=at, signal=signal.SIGKILL)
            )  # fmt: skip
            fill(disk)
            try:
                world.recover()
                ends.add("done")
            except NoRoomToApply:
                ends.add("undone")
                assert world.tree() == world.before, steps[at - 1]
                assert world.rests() == [], steps[at - 1]
            except EzError as error:
                ends.add(repr(error))
            make_room(disk)
            world.recover()
            assert world.tree() in (world.before, world.after), steps[at - 1]
            assert world.rests() == [], steps[at - 1]
            subprocess.run(["rm", "-r", str(world.root.parent)], check=True)
    assert ends == {"done", "undone"}
