"""The log of an attempt: what a crash leaves of it, and what a frozen former attempt cannot do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.workspace.attempts import Bench, sha

from ezaigents.workspace import FileChange, FileMissing, Overlay

_FULL = """
import resource, signal, sys
from pathlib import Path
from ezaigents.workspace import DiskFull, Overlay
root, folder = map(Path, sys.argv[1:])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
overlay = Overlay(root, folder, hidden=None, limit_bytes=10**6)
overlay.write("small", b"s", expected=None)
log_bytes = (folder / "overlay.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (log_bytes + 100, -1))
for name, data in (("large", b"x" * 10**5), ("cut", b"c")):
    try:
        overlay.write(name, data, expected=None)
    except DiskFull as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
overlay.write("after", b"a", expected=None)
"""


def history(bench: Bench) -> list[tuple[FileChange, ...]]:
    """Make some changes of every kind in attempt 1, and return what there was after each."""
    before = bench.put("f", b"0")
    overlay = bench.attempt()
    seen = [overlay.changes()]
    for change in (
        lambda: overlay.write("f", b"1", expected=before),
        lambda: overlay.write("new", b"n", expected=None),
        lambda: overlay.rename("f", "sub/g", expected=sha(b"1")),
        lambda: overlay.set_executable("new", True, expected=sha(b"n")),
        lambda: overlay.delete("new", expected=sha(b"n")),
    ):
        change()
        seen.append(overlay.changes())
    return seen


def log_of(bench: Bench, fence: int = 1) -> Path:
    return bench.folder(fence) / "overlay.jsonl"


def test_a_crash_leaves_a_prefix(bench: Bench) -> None:
    """Cut at any byte, the log gives the history up to its last whole record, and goes on from there."""
    seen = history(bench)
    whole = log_of(bench).read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole) + 1):
        log_of(bench).write_bytes(whole[:length])
        kept = sum(end <= length for end in ends)
        assert bench.attempt(2, 1).changes() == seen[kept]
        assert log_of(bench).stat().st_size == length, "the log of another attempt is not written"
        shutil.rmtree(bench.folder(2))
        again = bench.attempt(1)
        assert again.changes() == seen[kept]
        again.write("more", b"m", expected=None)
        assert bench.attempt(1).changes() == again.changes()


@pytest.mark.parametrize("damage", [b"\0" * 40, b"{}", b'{"entries": 7}\n', b"\xff\n", b'{"entries":[]}'])
def test_what_is_no_record_ends_the_history(bench: Bench, damage: bytes) -> None:
    """Zeros, or whatever else a dying disk leaves, end the history: it is not guessed what came between."""
    seen = history(bench)
    whole = log_of(bench).read_bytes()
    log_of(bench).write_bytes(whole + damage + b"\n" + whole[: whole.index(b"\n") + 1])
    if damage.endswith(b"]}"):
        log_of(bench).write_bytes(whole + damage)
    assert bench.attempt(2, 1).changes() == bench.attempt(1).changes() == seen[-1]


def test_an_attempt_goes_on_from_the_earlier_ones(bench: Bench) -> None:
    """A new attempt begins with what the earlier ones changed, and hands back all of it."""
    before = bench.put("f", b"0")
    first = bench.attempt(1)
    first.write("f", b"1", expected=before)
    first.write("one", b"1", expected=None)
    second = bench.attempt(2, 1)
    assert second.read("f").data == b"1"
    second.write("f", b"2", expected=sha(b"1"))
    third = bench.attempt(3, 1, 2)
    assert third.read("f").data == b"2"
    assert third.changes() == (
        FileChange(path="f", before=third.changes()[0].before, after=second.changes()[0].after),
        FileChange(path="one", after=first.changes()[1].after),
    )
    assert third.propose() is not None


def test_a_frozen_attempt_is_not_heard(bench: Bench) -> None:
    """What a former holder writes after a new attempt began changes nothing for that one, nor for those after it."""
    before = bench.put("f", b"0")
    frozen = bench.attempt(1)
    frozen.write("f", b"1", expected=before)
    second = bench.attempt(2, 1)
    frozen.write("f", b"late", expected=sha(b"1"))
    frozen.write("late", b"late", expected=None)
    frozen.propose()
    assert second.read("f").data == b"1"
    second_again, third = bench.attempt(2, 1), bench.attempt(3, 1, 2)
    for overlay in (second, second_again, third):
        assert overlay.read("f").data == b"1"
        with pytest.raises(FileMissing):
            overlay.read("late")
        assert [change.path for change in overlay.changes()] == ["f"]


def test_an_attempt_may_begin_afresh(bench: Bench) -> None:
    """One that takes nothing over counts as it is for those after it."""
    bench.attempt(1).write("one", b"1", expected=None)
    bench.attempt(2).write("two", b"2", expected=None)
    assert [change.path for change in bench.attempt(3, 1, 2).changes()] == ["two"]


def test_a_full_disk_is_said_and_nothing_counts(bench: Bench) -> None:
    """Where there is no room for a content or for its record, the change did not happen, and the next one may."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FULL, str(bench.root), str(bench.folder(1))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.startswith("no room on the disk") for line in done.stdout.splitlines()] == [True, True]
    overlay: Overlay = bench.attempt(1)
    assert [change.path for change in overlay.changes()] == ["after", "small"]
    assert not [path for path in (bench.task / "blobs").iterdir() if path.name.startswith(".")]
