"""Having the engine forget ended tasks. Job: write them down first, then purge. Not its job: choosing them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ezaigents.queue.history import append_history
from ezaigents.queue.queue import Queue
from ezaigents.records import PatchState, Task, TaskState

_PATCH_WAITS = frozenset({PatchState.PROPOSED, PatchState.CONFLICT})


async def forget(queue: Queue, history: Path, tasks: Sequence[Task], *, now_ms: int, keep_patches_ms: int) -> int:
    """Write ended tasks to the history, durably, and purge them; returns how many the engine has forgotten.

    A done one whose patch may yet be applied stays for `keep_patches_ms` after its acceptance, and one whose children
    are still to be told: they are not written down each time they are looked at, and nothing else is forgotten than
    what was written. Raises OSError when the history cannot be written: nothing is forgotten then.
    """
    kept = [task for task in tasks if _patch_waits(task, now_ms - keep_patches_ms)]
    written = [task for task in tasks if task not in kept]
    await asyncio.to_thread(append_history, history, written)
    if kept:
        await queue.put_off([task.id for task in kept])
    return await queue.purge([task.id for task in written], keep_patches_ms=keep_patches_ms) if written else 0


def _patch_waits(task: Task, since_ms: int) -> bool:
    if task.patch_state is PatchState.APPLYING:
        return True
    waits = task.state is TaskState.DONE and task.patch_state in _PATCH_WAITS
    return waits and task.accepted_ms > since_ms
