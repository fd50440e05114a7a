"""Steps that come to their end once they have begun."""

from __future__ import annotations

import asyncio

import pytest
from tests.leaks import run, until

from ezaigents.endings import see_through


def test_a_step_ends_however_often_its_caller_is_cancelled() -> None:
    """The step is not cancelled with its caller, its result is not lost, and the caller is told."""

    async def story() -> None:
        gate, begun = asyncio.Event(), asyncio.Event()

        async def step() -> str:
            begun.set()
            await gate.wait()
            return "done"

        caller = asyncio.ensure_future(see_through(step()))
        await begun.wait()
        for _ in range(3):
            caller.cancel()
            await asyncio.sleep(0)
        gate.set()
        assert await caller == ("done", True)

    run(story())


def test_a_cancellation_is_told_also_where_the_step_fails() -> None:
    """Whoever was cancelled meanwhile must not go on by the step's error: cancelling is not asked for twice."""

    async def story() -> None:
        gate, begun = asyncio.Event(), asyncio.Event()

        async def step() -> None:
            begun.set()
            await gate.wait()
            raise ValueError("no")

        caller = asyncio.ensure_future(see_through(step()))
        await begun.wait()
        caller.cancel()
        await asyncio.sleep(0)
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await caller

    run(story())


def test_undisturbed_it_is_a_plain_call() -> None:
    """The result and the error of the step are the caller's."""

    async def story() -> None:
        async def good() -> int:
            return 1

        async def bad() -> int:
            raise ValueError("no")

        assert await see_through(good()) == (1, False)
        with pytest.raises(ValueError, match="no"):
            await see_through(bad())
        await until(lambda: len(asyncio.all_tasks()) <= 2)

    run(story())
