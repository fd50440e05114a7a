"""What an attempt leaves on the disk, and what the next one makes of it."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest

from ezaigents.agents.attempts import begin_anew
from ezaigents.agents.model.journal import JOURNAL_FILE, Asked, Began, Journal, Record, read_records
from ezaigents.workspace import DiskFull

from .records import answered, asked


def _attempt(task: Path, fence: int, *records: Record, follows: dict[str, int] | None = None) -> Path:
    folder = task / str(fence)
    folder.mkdir()
    journal = Journal(folder)
    journal.append(Began(at_ms=1, attempt=1, follows=follows or {}), *records)
    journal.close()
    return folder / JOURNAL_FILE


def _texts(records: list[Record]) -> list[str]:
    return [record.text for record in records if isinstance(record, Asked)]


def test_first_attempt_finds_nothing(tmp_path: Path) -> None:
    """A task that nobody has worked on has no records."""
    assert read_records(tmp_path, before=99) == ([], {})


def test_the_next_attempt_reads_all_earlier_ones(tmp_path: Path) -> None:
    """Records of all attempts come oldest first, with how much of each file they were."""
    first = _attempt(tmp_path, 7, asked("one"))
    second = _attempt(tmp_path, 9, asked("two"), follows={"7": first.stat().st_size})
    records, counts = read_records(tmp_path, before=10)
    assert _texts(records) == ["one", "two"]
    assert counts == {"7": first.stat().st_size, "9": second.stat().st_size}


def test_what_a_frozen_host_adds_afterwards_is_never_read(tmp_path: Path) -> None:
    """An attempt that was taken over and wakes up in the middle of an append changes nothing."""
    first = _attempt(tmp_path, 7, asked("one"))
    _attempt(tmp_path, 9, asked("two"), follows={"7": first.stat().st_size})
    with first.open("ab") as file:
        file.write(b'{"type":"asked","at_ms":1,"text":"zombie","marks":[]}\n')
    assert _texts(read_records(tmp_path, before=10)[0]) == ["one", "two"]


def test_a_line_cut_at_any_byte_counts_for_nothing(tmp_path: Path) -> None:
    """A crash in the middle of an append leaves the records before it, whole."""
    path = _attempt(tmp_path, 7, asked("one"))
    before = path.stat().st_size
    whole = path.read_bytes() + b'{"type":"asked","at_ms":1,"text":"two","marks":[]}\n'
    for cut in range(before, len(whole)):
        path.write_bytes(whole[:cut])
        records, counts = read_records(tmp_path, before=99)
        assert _texts(records) == ["one"]
        assert counts == {"7": before}
    path.write_bytes(whole)
    assert _texts(read_records(tmp_path, before=99)[0]) == ["one", "two"]


def test_an_attempt_without_its_first_line_did_nothing(tmp_path: Path) -> None:
    """An attempt that died before its first line is passed over, and the one before it counts."""
    _attempt(tmp_path, 7, asked("one"))
    (tmp_path / "9").mkdir()
    (tmp_path / "9" / JOURNAL_FILE).write_bytes(b'{"type":"beg')
    assert _texts(read_records(tmp_path, before=10)[0]) == ["one"]


def test_own_and_later_attempts_are_not_read(tmp_path: Path) -> None:
    """An attempt goes on from those before it only."""
    _attempt(tmp_path, 7, asked("one"))
    _attempt(tmp_path, 12, asked("later"))
    assert _texts(read_records(tmp_path, before=12)[0]) == ["one"]


def test_two_never_write_one_file(tmp_path: Path) -> None:
    """A journal that is there already is somebody else's: it is not opened again."""
    _attempt(tmp_path, 7, asked("one"))
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "7").append(asked("two"))


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """Where the disk is full nothing of the record stays, and a later one is whole."""
    folder = tmp_path / "7"
    folder.mkdir()
    journal = Journal(folder)
    journal.append(Began(at_ms=1, attempt=1, follows={}))
    size = (folder / JOURNAL_FILE).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(DiskFull):
            journal.append(asked("x" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, former)
    assert (folder / JOURNAL_FILE).stat().st_size == size
    journal.append(asked("after"))
    journal.close()
    assert _texts(read_records(tmp_path, before=99)[0]) == ["after"]


def test_answers_survive_with_everything_they_hold(tmp_path: Path) -> None:
    """A model's answer reads back as it was written."""
    answer = answered(1, "words")
    _attempt(tmp_path, 7, answer)
    assert read_records(tmp_path, before=99)[0][1] == answer


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    """A journal holds the workspace's files: it is for its owner alone."""
    path = _attempt(tmp_path, 7)
    assert path.stat().st_mode & 0o077 == 0


def test_beginning_anew_leaves_earlier_attempts_out(tmp_path: Path) -> None:
    """Attempts before the one from which a user began anew do not count; later ones do."""
    _attempt(tmp_path, 7, asked("poison"))
    begin_anew(tmp_path, 7)
    assert read_records(tmp_path, before=9) == ([], {})
    _attempt(tmp_path, 9, asked("new"))
    assert _texts(read_records(tmp_path, before=12)[0]) == ["new"]
