"""A disk that is full while a patch is applied: nothing is changed, the patch waits, and room is all it needs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.integration.coordination.scripted import Scripted, script, scripted
from tests.integration.runtime.fleets import make_id, working
from tests.leaks import run

from ezaigents.records import PatchState, Run, TaskKind, TaskSpec
from ezaigents.settings import Settings
from ezaigents.workspace import DiskFull

_SIZE_BYTES = 200_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A workspace on a disk of half a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_leaves_the_patch_proposed(settings: Settings, small_disk: Path) -> None:
    """The error says where room is needed; no file is touched, no lease is kept, and applying again succeeds."""
    settings = msgspec.structs.replace(settings, workspace=str(small_disk))
    (small_disk / "kept.txt").write_text("old\n")
    ballast = small_disk / "ballast"

    async def story() -> None:
        async with working(settings, scripted(Scripted())) as yard:
            (task,) = await yard.ended(
                await yard.hand_in(payload=script(["write", "kept.txt", "new\n"], ["fill", "big.txt", _SIZE_BYTES]))
            )
            ballast.write_bytes(b"x" * 400_000)
            with pytest.raises(DiskFull, match="no room"):
                await yard.client.operator.apply(task.id)
            assert sorted(path.name for path in small_disk.iterdir()) == ["ballast", "kept.txt"]
            assert (small_disk / "kept.txt").read_text() == "old\n"
            assert (await yard.task(task.id)).patch_state is PatchState.PROPOSED
            assert (await yard.client.operator.locks()).held == ()
            ballast.unlink()
            assert (await yard.client.operator.apply(task.id)).state is PatchState.APPLIED
            assert (small_disk / "big.txt").stat().st_size == _SIZE_BYTES

    run(story())


def test_a_full_disk_does_not_have_the_work_done_again(settings: Settings, small_disk: Path) -> None:
    """In a run that applies, the task ends done with its patch proposed; the agent is called once."""
    settings = msgspec.structs.replace(settings, workspace=str(small_disk))
    (small_disk / "ballast").write_bytes(b"x" * 400_000)

    async def story() -> None:
        doing = Scripted()
        async with working(settings, scripted(doing)) as yard:
            place = yard.client.place
            of = Run(id=make_id(), prompt="x", agent="a", kind=TaskKind.EDIT, workspace="/w", place=place, apply=True)
            payload = script(["fill", "big.txt", _SIZE_BYTES])
            spec = TaskSpec(id=make_id(), agent="a", place=place, run=of.id, payload=payload)
            await yard.queue.submit([spec], run=of)
            (task,) = await yard.ended([spec.id])
            assert (task.state.value, task.patch_state, doing.runs) == ("done", PatchState.PROPOSED, [task.id])

    run(story())
