"""Attempts: an agent says whether another one may help."""

from __future__ import annotations

import asyncio

import pytest

from ezaigents import AgentCard, Claim, Client, Context, Declared, Fleet, Result, Settings, TaskFailed, TaskKind, Wish

pytestmark = pytest.mark.functional


class Moody:
    """Fails its first attempt at each task."""

    async def run(self, claim: Claim, context: Context) -> Result:
        """Do one task."""
        if claim.attempt == 1:
            raise TaskFailed("not in the mood", retryable=True)
        return Result(summary=f"attempt {claim.attempt}")

    async def close(self) -> None:
        """Nothing to let go of."""


def test_a_failed_attempt_is_tried_again(settings: Settings) -> None:
    """A failure that may pass costs an attempt; the task is tried again a little later, and done."""

    async def tour() -> None:
        agents = {"moody": Declared(AgentCard(name="moody"), lambda _settings: Moody())}
        async with Fleet(settings, agents=agents) as fleet, asyncio.TaskGroup() as group:
            group.create_task(fleet.run())

            async with Client.connect(settings) as client:
                wish = Wish(prompt="Go", paths=("tangle.py",), agent="moody", kind=TaskKind.ANALYZE)
                handed = await client.submit(wish)
                async for _ in client.watch(handed.run.id):
                    pass
                task = await client.task(handed.specs[0].id)

            assert (task.summary, task.attempts) == ("attempt 2", 1)
            fleet.stop()

    asyncio.run(tour())
