"""The files of the data folder: private, and dropped when they are old."""

from __future__ import annotations

from pathlib import Path

from ezaigents.clock import ManualClock
from ezaigents.ids import IdMaker
from ezaigents.queue import append_history, drop_old_history, find_in_history, old_folders
from ezaigents.records import Task, TaskState

_DAY_MS = 86_400_000


def _task(clock: ManualClock, summary: str) -> Task:
    made = IdMaker(clock)
    return Task(id=made(), state=TaskState.DONE, run=made(), agent="local", place="p", summary=summary)


def test_history_is_private(tmp_path: Path) -> None:
    """Nobody but the owner can read the history."""
    append_history(tmp_path / "history", [_task(ManualClock(), "x")])
    (file,) = (tmp_path / "history").glob("*.jsonl")
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_only_what_is_older_than_the_limit_goes(tmp_path: Path) -> None:
    """Days and folders are dropped one day after the limit, and not before; foreign names are left alone."""
    clock = ManualClock()
    task = _task(clock, "old")
    append_history(tmp_path, [task])
    (tmp_path / "tasks" / task.id).mkdir(parents=True)
    (tmp_path / "tasks" / "mine").mkdir()
    for days_later, gone in ((30, False), (31, True)):
        now_ms = clock.wall_ms() + days_later * _DAY_MS
        old = old_folders(tmp_path / "tasks", today_ms=now_ms, days=30, most=10)
        assert [path.name for path in old] == ([task.id] if gone else [])
        drop_old_history(tmp_path, today_ms=now_ms, days=30)
        assert (find_in_history(tmp_path, task.id) is None) is gone
