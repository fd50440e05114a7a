"""Cancelling a job, and stopping a fleet: the one ends the work, the other hands it back."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from ezaigents import AgentCard, Claim, Client, Context, Declared, Fleet, Result, Settings, TaskKind, Wish

pytestmark = pytest.mark.functional


class Slow:
    """Takes an hour."""

    async def run(self, claim: Claim, context: Context) -> Result:
        """Do one task."""
        await asyncio.sleep(3600)
        return Result()

    async def close(self) -> None:
        """Nothing to let go of."""


class Quick(Slow):
    """Is done at once."""

    async def run(self, claim: Claim, context: Context) -> Result:
        """Do one task."""
        return Result(summary="quick")


CARD = AgentCard(name="worker", slots=1)
WISH = Wish(prompt="Go", paths=("",), agent="worker", kind=TaskKind.ANALYZE)


def test_a_job_can_be_cancelled(settings: Settings) -> None:
    """Cancelling stops the task that runs and ends those that wait."""

    async def tour() -> None:
        agents = {"worker": Declared(CARD, lambda _settings: Slow())}
        async with Fleet(settings, agents=agents) as fleet, asyncio.TaskGroup() as group:
            group.create_task(fleet.run())

            async with Client.connect(settings) as client:
                handed = await client.submit(WISH)
                await client.cancel([spec.id for spec in handed.specs])
                async for progress in client.watch(handed.run.id):
                    last = progress
                assert last.counts.cancelled == 3

            fleet.stop()

    asyncio.run(tour())


def test_a_fleet_that_stops_hands_its_work_to_the_next(settings: Settings) -> None:
    """What could not end within the grace is done by the next fleet; nothing was spent on the first one."""

    async def work(agent: type[Slow], run_id: str = "") -> str:
        agents = {"worker": Declared(CARD, lambda _settings: agent())}
        hasty = msgspec.structs.replace(settings, grace_s=0)
        async with Fleet(hasty, agents=agents) as fleet, asyncio.TaskGroup() as group:
            group.create_task(fleet.run())

            async with Client.connect(settings) as client:
                if run_id:
                    async for _ in client.watch(run_id):
                        pass
                    tasks = await client.tasks_of(run_id)
                    assert [(task.summary, task.attempts) for task in tasks] == [("quick", 0)] * 3
                else:
                    run_id = (await client.submit(WISH)).run.id

            fleet.stop()
        return run_id

    run_id = asyncio.run(work(Slow))
    asyncio.run(work(Quick, run_id))
