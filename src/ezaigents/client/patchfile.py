"""Which file holds a task's patch. Job: the one that is there to be looked at. Not its job: showing it."""

from __future__ import annotations

from pathlib import Path

from ezaigents.records import Task
from ezaigents.workspace import PATCH_FILE


def patch_of(task: Task, home: Path) -> str:
    """The name of its patch beneath the data folder, "" = it made none; also of one it asks about before it ends."""
    if task.patch or not task.waits_for_answer:
        return task.patch
    made = (home / "tasks" / task.id).glob(f"*/{PATCH_FILE}")
    newest = max(made, key=lambda path: int(path.parent.name), default=None)
    return str(newest.relative_to(home)) if newest is not None else ""
