"""Work that must come to its end once it has begun. Job: that one rule, for coroutines and threads.

A cancelled caller waits for the end, however often it is cancelled meanwhile, and is cancelled then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def see_through(
    work: Coroutine[Any, Any, _T] | asyncio.Future[_T], *, patience_s: float | None = None
) -> tuple[_T, bool]:
    """Run `work` to its end, cancelled or not; the second says whether somebody cancelled the caller meanwhile.

    The caller then has to pass the cancellation on; where `work` raises, that is done here. `patience_s`: how long a
    cancelled caller waits for the end before `work` is cancelled too; None = as long as it takes. Raises what `work`
    raises.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task}, timeout=patience_s if cancelled else None)
        except asyncio.CancelledError:
            cancelled = True
        else:
            if not task.done():
                task.cancel()
    if cancelled and not task.cancelled() and (error := task.exception()) is not None:
        raise asyncio.CancelledError from error
    return task.result(), cancelled


async def ended(work: Coroutine[Any, Any, _T] | asyncio.Future[_T]) -> _T:
    """Run `work` to its end; a caller that was cancelled meanwhile is told so then, whatever came of the work."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        if not task.cancelled():
            task.exception()  # looked at: the cancellation is what is told
        raise asyncio.CancelledError
    return task.result()


async def in_thread(work: Callable[[], _T]) -> _T:
    """Do `work` in a thread, to its end."""
    return await ended(asyncio.get_running_loop().run_in_executor(None, work))


def cancel_again() -> None:
    """Have the current task cancelled at its next wait: it was cancelled before, and had something to see through."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
        task.cancel()
