"""Run a coroutine and see that nothing of it is left. Job: asyncio tasks and threads. Keys are `ez fsck`'s to find.

def test_something() -> None:
    async def story() -> None: ...
    run(story())
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_STEP_S = 0.005
_ENDING_S = 2.0


def run(story: Coroutine[Any, Any, T], *, limit_s: float = 40.0) -> T:
    """Run `story` in an event loop of its own within `limit_s`; fail when it leaves a task or a thread behind."""
    threads = set(threading.enumerate())
    told = asyncio.run(_watched(story, limit_s))
    left = [thread.name for thread in threading.enumerate() if thread not in threads]
    assert not left, f"threads left: {left}"
    return told


async def until(true: Callable[[], Awaitable[object] | object], limit_s: float = 20.0) -> None:
    """Return as soon as `true()` is (a coroutine's result counts); fail after `limit_s`."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + limit_s
    while True:
        answer = true()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return
        if loop.time() > end_s:
            raise AssertionError(f"not within {limit_s:g} s: {true}")
        await asyncio.sleep(_STEP_S)


async def _watched(story: Coroutine[Any, Any, T], limit_s: float) -> T:
    async with asyncio.timeout(limit_s):
        told = await story
    me = asyncio.current_task()
    left = asyncio.all_tasks() - {me} if me else set()
    if left:
        _, left = await asyncio.wait(left, timeout=_ENDING_S)
    assert not left, f"asyncio tasks left: {left}"
    return told
