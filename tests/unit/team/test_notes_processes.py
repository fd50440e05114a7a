"""Notes written by several processes at once, and by processes that die in the middle of it."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ezaigents.clock import SystemClock
from ezaigents.errors import RetryLater
from ezaigents.team.notefile import NoteFile
from ezaigents.team.notes import NOTES_MOST, Notes

P = "0123456789"
_WITHIN_S = 60.0
_WRITER = """
import sys
from pathlib import Path
from ezaigents.clock import SystemClock
from ezaigents.team.notes import Notes

notes = Notes(Path(sys.argv[1]), SystemClock(), keep_days=30)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    notes.add("0123456789", f"{sys.argv[2]} {number} " + "x" * 100, author=sys.argv[2])
    print(number, flush=True)
"""
# The kernel ends the process in the middle of its write, with a part of the new notes on the disk.
_CUT_SHORT = """
import resource, signal, sys
from pathlib import Path
from ezaigents.clock import SystemClock
from ezaigents.team.notes import Notes

notes = Notes(Path(sys.argv[1]), SystemClock(), keep_days=30)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
notes.add("0123456789", "one more", author="user")
"""


def _begin(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def _texts(folder: Path) -> list[str]:
    return [note.text for note in Notes(folder, SystemClock(), keep_days=30).all(P)]


def test_two_processes_lose_nothing(folder: Path) -> None:
    """2 x 100 notes written at once are 200 notes, each whole, up to the bound."""
    writers = [_begin(_WRITER, str(folder), name, "100") for name in ("left", "right")]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=_WITHIN_S)
        assert writer.returncode == 0
    expected = {f"{name} {number} " + "x" * 100 for name in ("left", "right") for number in range(100)}
    assert set(_texts(folder)) == expected
    assert len(expected) == NOTES_MOST


def test_a_write_that_is_cut_short_leaves_the_old_notes(folder: Path) -> None:
    """A process that is ended half way through its write has changed nothing, and the next one writes as ever."""
    notes = Notes(folder, SystemClock(), keep_days=30)
    for number in range(20):
        notes.add(P, f"{number} " + "x" * 100, author="user")
    before = notes.all(P)
    size_bytes = (folder / f"{P}.json").stat().st_size
    dying = _begin(_CUT_SHORT, str(folder), str(size_bytes // 2))
    dying.communicate(timeout=_WITHIN_S)
    assert dying.returncode == -signal.SIGXFSZ
    assert notes.all(P) == before
    assert len(list(folder.glob("*damaged*"))) == 0
    notes.add(P, "after", author="user")
    assert notes.all(P)[:-1] == before
    assert sorted(path.name for path in folder.iterdir()) == [f"{P}.json", f"{P}.lock"]


@pytest.mark.parametrize("after", [1, 7, 23, 40])
def test_a_killed_writer_has_written_what_it_said(folder: Path, after: int) -> None:
    """After kill -9 the file holds every note that was acknowledged, whole, and at most one more."""
    writer = _begin(_WRITER, str(folder), "w", "10000")
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(b"go\n")
    writer.stdin.flush()
    said = [int(writer.stdout.readline()) for _ in range(after)]
    writer.kill()
    said += [int(line) for line in writer.communicate(timeout=_WITHIN_S)[0].splitlines() if line]
    stored = [int(note["text"].split()[1]) for note in json.loads((folder / f"{P}.json").read_bytes())]
    assert stored == list(range(stored[-1] + 1))[-NOTES_MOST:]
    assert stored[-1] - said[-1] in (0, 1)
    assert len(_texts(folder)) == len(stored)


def test_a_lock_that_is_kept_is_not_waited_for_for_ever(folder: Path) -> None:
    """Whoever cannot write within some seconds is told that another process writes; readers do not wait at all."""
    Notes(folder, SystemClock(), keep_days=30).add(P, "x", author="user")
    with (folder / f"{P}.lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        file = NoteFile(folder, P, lock_wait_s=0.05)
        with pytest.raises(RetryLater, match="another process has been writing"):
            file.change(lambda notes: (notes, None))
        assert len(file.read()) == 1
