"""Having the engine forget ended tasks. Job: write them down first, then purge. Not its job: choosing them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ezaigents.queue.history import append_history
from ezaigents.queue.queue import Queue
from ezaigents.records import PatchState, Task

_PATCH_WAITS = frozenset({PatchState.PROPOSED, PatchState.CONFLICT})


async def forget(queue: Queue, history: Path, tasks: Sequence[Task], *, now_ms: int, keep_patches_ms: int) -> int:
    """Write ended tasks to the history, durably, and purge them; returns how many the engine has forgotten.

    One whose patch may yet be applied stays for `keep_patches_ms` after its acceptance, and one whose children are
    still to be told. Raises OSError when the history cannot be written: nothing is forgotten then.
    """
    written = [task for task in tasks if not _patch_waits(task, now_ms - keep_patches_ms)]
    await asyncio.to_thread(append_history, history, written)
    return await queue.purge([task.id for task in tasks], keep_patches_ms=keep_patches_ms)


def _patch_waits(task: Task, since_ms: int) -> bool:
    if task.patch_state is PatchState.APPLYING:
        return True
    return task.patch_state in _PATCH_WAITS and task.accepted_ms > since_ms
