"""The history of purged tasks: a file per day, the last line counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ezaigents.clock import ManualClock
from ezaigents.ids import IdMaker
from ezaigents.queue import append_history, drop_old_history, find_in_history
from ezaigents.records import Task, TaskState

_DAY_MS = 86_400_000


def _task(task_id: str, **fields: Any) -> Task:
    return Task(id=task_id, state=TaskState.DONE, run=task_id, agent="a", place="b", **fields)


def test_what_was_purged_is_found(tmp_path: Path) -> None:
    """A task is found by its id, in whichever day's file it is, and an unknown one is not."""
    clock = ManualClock()
    make_id = IdMaker(clock)
    ids = [make_id()]
    clock.advance(3 * 86_400)
    ids.append(make_id())
    folder = tmp_path / "history"
    assert find_in_history(folder, ids[0]) is None
    append_history(folder, [_task(task_id, title=task_id, summary=ids[0]) for task_id in ids])
    assert len(list(folder.iterdir())) == 2
    for task_id in ids:
        found = find_in_history(folder, task_id)
        assert found is not None
        assert (found.id, found.title) == (task_id, task_id)
    assert find_in_history(folder, make_id()) is None


def test_a_line_written_twice_counts_once(tmp_path: Path) -> None:
    """After a crash between history and purge a task is written again; the last line is the task."""
    task_id = IdMaker(ManualClock())()
    append_history(tmp_path, [_task(task_id, summary="first")])
    append_history(tmp_path, [_task(task_id, summary="second")])
    found = find_in_history(tmp_path, task_id)
    assert found is not None
    assert found.summary == "second"


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    """A crash in mid-write leaves half a line, which is not read, and the whole ones are."""
    task_id = IdMaker(ManualClock())()
    append_history(tmp_path, [_task(task_id, summary="whole")])
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    found = find_in_history(tmp_path, task_id)
    assert found is not None
    assert found.summary == "whole"


def test_a_line_after_a_torn_one_is_found(tmp_path: Path) -> None:
    """What is appended behind a torn line is a line of its own, and the torn one is passed over."""
    make_id = IdMaker(ManualClock())
    first, second = make_id(), make_id()
    append_history(tmp_path, [_task(first)])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + b'{"id":"' + second.encode())
    append_history(tmp_path, [_task(second, summary="after")])
    found = find_in_history(tmp_path, second)
    assert found is not None
    assert found.summary == "after"


def test_files_are_private(tmp_path: Path) -> None:
    """Only the user can read what tasks were about."""
    append_history(tmp_path / "h", [_task(IdMaker(ManualClock())())])
    (path,) = (tmp_path / "h").iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_old_days_are_dropped(tmp_path: Path) -> None:
    """Files of days before the limit go; today's, the limit's and foreign ones stay."""
    today = 20_000
    for name in ("19994.jsonl", "19995.jsonl", "20000.jsonl", "notes.jsonl", "19000.txt"):
        (tmp_path / name).touch()
    drop_old_history(tmp_path, today_ms=today * _DAY_MS + 5, days=5)
    assert {path.name for path in tmp_path.iterdir()} == {"19995.jsonl", "20000.jsonl", "notes.jsonl", "19000.txt"}
    drop_old_history(tmp_path / "missing", today_ms=0, days=1)
