"""Files of tasks, to be looked at. Job: which one holds the patch, and reading them. Not its job: showing them."""

from __future__ import annotations

import os
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


def read_beneath(home: Path, name: str, most_bytes: int = -1) -> bytes | None:
    """The first bytes of a file of the data folder, -1 = all; None where there is none. A link is none of ours."""
    if not name:
        return None
    try:
        descriptor = os.open(home / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most_bytes)
