"""What stands in the tree, copied among the contents of a task before it is replaced.

Job: the copy, on the disk before anything depends on it. Not its job: contents in memory (blobs), when to copy.
"""

from __future__ import annotations

import os
from pathlib import Path

from ezaigents.workspace.changes import FileState
from ezaigents.workspace.storing import sync_folder, told_when_full
from ezaigents.workspace.tree import Seen, Step, look


def keep_original(folder: int, name: str, blobs: Path, step: Step) -> Seen:
    """Copy the file `name` beneath the descriptor `folder` into `blobs`, window by window; say what was copied.

    What is no file is not copied, only said. Raises DiskFull, OSError.
    """
    with told_when_full(blobs):
        step(f"draft copy of {name}")
        blobs.mkdir(parents=True, exist_ok=True)
        draft = blobs / f".{os.urandom(8).hex()}.part"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                seen = look(folder, name, file.write)
                file.flush()
                os.fsync(file.fileno())
            if isinstance(seen, FileState):
                step(f"name copy of {name}")
                draft.rename(blobs / seen.sha256)
                sync_folder(blobs)
        finally:
            draft.unlink(missing_ok=True)
    return seen


def is_kept(state: FileState, blobs: Path) -> bool:
    """Say whether the content is among the blobs, and bring its name to the disk if so."""
    try:
        same = (blobs / state.sha256).stat().st_size == state.size_bytes
    except FileNotFoundError:
        return False
    if same:
        # Whoever wrote it may have died before its name was on the disk.
        sync_folder(blobs)
    return same
