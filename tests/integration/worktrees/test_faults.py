"""What may go wrong while copies are made, and with those that were left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.sandbox.inside import settled
from tests.integration.worktrees.grounds import MIB, Grounds, files_of
from tests.leaks import run, until

from ezaigents.workspace import DiskFull
from ezaigents.worktrees import CopiesUsedUp, CopyBusy, CopyTooLarge, KeptUsedUp, WorkingCopy
from ezaigents.worktrees.worktrees import KEPT_MOST


def test_fifty_at_once(repository: Grounds) -> None:
    """As many as may be are made, each whole; the others are told what to do; nothing is left of them."""

    async def story() -> None:
        worktrees = repository.worktrees(most=6)
        done = await asyncio.gather(*(worktrees.open(f"t{n}", n) for n in range(50)), return_exceptions=True)
        copies = [one for one in done if isinstance(one, WorkingCopy)]
        refused = [one for one in done if isinstance(one, CopiesUsedUp)]
        assert (len(copies), len(refused)) == (6, 44)
        assert "raise worktrees_most" in str(refused[0])
        expected = files_of(copies[0].path)
        for copy in copies:
            assert (copy.note, files_of(copy.path)) == ("", expected)
            assert await worktrees.close(copy) is None
        again = await worktrees.open("t99", 1)
        await worktrees.close(again)

    run(settled(story()))
    assert repository.left() == ["kept"]
    stores = list((repository.home / "repos").glob("*.git"))
    assert [list((store / "worktrees").iterdir()) for store in stores] == [[]]


def test_a_copy_has_one_owner(repository: Grounds) -> None:
    """The same attempt cannot be opened twice at once, and a copy in use is not tidied away."""

    async def story() -> None:
        worktrees = repository.worktrees()
        copy = await worktrees.open("t1", 7)
        with pytest.raises(CopyBusy):
            await repository.worktrees().open("t1", 7)
        tidied = await repository.worktrees().tidy()
        assert (tidied.removed, tidied.moved) == ((), ())
        assert copy.path.exists()
        await worktrees.close(copy)

    run(settled(story()))


@pytest.mark.parametrize("is_repository", [True, False])
def test_what_is_too_large_is_not_copied(grounds: Grounds, is_repository: bool) -> None:
    """The limit is told with the way out, and nothing is left."""
    grounds.write({"a": bytes(300_000), "b": bytes(300_000)})
    if is_repository:
        grounds.git("init", "--quiet")
        grounds.git("add", ".")
        grounds.git("commit", "--quiet", "-m", "first")
        (grounds.workspace / "a").unlink()

    async def story() -> None:
        with pytest.raises(CopyTooLarge, match="raise worktree_max_bytes"):
            await grounds.worktrees(max_bytes=500_000).open("t1", 7)

    run(settled(story()))
    assert grounds.left() == ["kept"]


@pytest.mark.parametrize("is_repository", [True, False])
def test_a_full_disk(tmp_path: Path, disk: Path, is_repository: bool) -> None:
    """It is told as such, nothing is left of the copy, and with room again it is made."""
    grounds = Grounds(tmp_path / "work", tmp_path / "unused")
    grounds.home = disk / "home"
    grounds.home.mkdir(mode=0o700)
    grounds.write({name: os.urandom(700_000) for name in "ab"})
    if is_repository:
        grounds.git("init", "--quiet")
        grounds.git("add", ".")
        grounds.git("commit", "--quiet", "-m", "first")
    (disk / "filler").write_bytes(bytes(MIB))

    async def story() -> None:
        worktrees = grounds.worktrees()
        with pytest.raises(DiskFull):
            await worktrees.open("t1", 7)
        assert grounds.left() == ["kept"]
        (disk / "filler").unlink()
        copy = await worktrees.open("t1", 7)
        assert (copy.path / "a").read_bytes() == (grounds.workspace / "a").read_bytes()
        await worktrees.close(copy)

    run(settled(story()))


def test_git_killed_in_the_middle(grounds: Grounds) -> None:
    """A checkout that something kills is removed and made once more, locks that it left included."""
    grounds.write({f"d{n % 50}/f{n}": f"{n}\n" * 50 for n in range(4000)})
    grounds.git("init", "--quiet")
    grounds.git("add", ".")
    grounds.git("commit", "--quiet", "-m", "first")
    expected = files_of(grounds.workspace)

    async def story() -> None:
        worktrees = grounds.worktrees()
        opening = asyncio.create_task(worktrees.open("t1", 7))
        store = next(iter(await _appeared(grounds)))
        await until(lambda: (store / "worktrees" / "t1-7" / "index.lock").exists() or opening.done())
        assert not opening.done()
        killed = [pid for pid in _gits() if f"--git-dir={store}" in _line(pid)]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        assert killed
        copy = await opening
        assert (copy.note, files_of(copy.path)) == ("", expected)
        assert not (store / "worktrees" / "t1-7" / "index.lock").exists()
        await worktrees.close(copy)

    run(settled(story()))


_DYING = """
import asyncio, os, sys
from pathlib import Path
from ezaigents.worktrees import Worktrees
home, work, how = sys.argv[1:]
async def story():
    worktrees = Worktrees(Path(home), Path(work), most=8, max_bytes=1 << 26)
    copy = await worktrees.open("t1", 7)
    if how == "worked":
        (copy.path / "a.py").write_text("work")
    if how == "half":
        (Path(home) / "worktrees" / "t1-7.marks").unlink()
        (copy.path / "a.py").write_text("half")
    os.kill(os.getpid(), 9)
asyncio.run(story())
"""


@pytest.mark.parametrize("how", ["worked", "idle", "half"])
@pytest.mark.parametrize("then", ["tidy", "open"])
def test_what_a_dead_host_left(repository: Grounds, how: str, then: str) -> None:
    """A clean copy and a half made one are removed, one that was worked in is moved aside; the way is free again."""
    words = (str(repository.home), str(repository.workspace), how)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    dead = subprocess.run([sys.executable, "-c", _DYING, *words], env={**os.environ, "PYTHONPATH": path}, check=False)
    assert dead.returncode == -signal.SIGKILL
    assert (repository.home / "worktrees" / "t1-7").exists()

    async def story() -> None:
        worktrees = repository.worktrees()
        if then == "tidy":
            tidied = await worktrees.tidy()
            assert (tidied.removed, tidied.moved) == (((), ("t1-7",)) if how == "worked" else (("t1-7",), ()))
        copy = await worktrees.open("t1", 7)
        assert (copy.path / "a.py").read_text() == "two\n"
        assert await worktrees.close(copy) is None

    run(settled(story()))
    kept = repository.home / "worktrees" / "kept"
    assert [(entry.name, (entry / "a.py").read_text()) for entry in kept.iterdir()] == (
        [("t1-7", "work")] if how == "worked" else []
    )


def test_copies_that_nobody_looks_at_do_not_fill_the_disk(grounds: Grounds) -> None:
    """Too many that wait for a person stop further ones, and the oldest is named; none is deleted."""
    kept = grounds.home / "worktrees" / "kept"
    for number in range(KEPT_MOST):
        (kept / f"t{number}-1").mkdir(parents=True)
        os.utime(kept / f"t{number}-1", (1000 - number, 1000 - number))

    async def story() -> None:
        worktrees = grounds.worktrees()
        with pytest.raises(KeptUsedUp, match=f"t{KEPT_MOST - 1}-1"):
            await worktrees.open("t1", 7)
        (kept / "t0-1").rmdir()
        await worktrees.close(await worktrees.open("t1", 7))

    run(settled(story()))
    assert len(list(kept.iterdir())) == KEPT_MOST - 1


def test_a_cancelled_opening_leaves_nothing(grounds: Grounds) -> None:
    """Whenever it is cancelled, all of it is gone when the caller goes on."""
    grounds.write({f"f{n}": f"{n}\n" * 100 for n in range(300)})
    grounds.git("init", "--quiet")
    grounds.git("add", ".")
    grounds.git("commit", "--quiet", "-m", "first")

    async def story() -> None:
        worktrees = grounds.worktrees()
        for turns in range(1, 60, 3):
            opening = asyncio.create_task(worktrees.open("t1", 7))
            for _ in range(turns):
                await asyncio.sleep(0.001)
            opening.cancel()
            try:
                copy = await opening
            except asyncio.CancelledError:
                assert [name for name in grounds.left() if name != "kept"] == [], turns
            else:
                await worktrees.close(copy)

    run(settled(story()))


async def _appeared(grounds: Grounds) -> list[Path]:
    await until(lambda: list((grounds.home / "repos").glob("*.git")))
    return list((grounds.home / "repos").glob("*.git"))


def _gits() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
