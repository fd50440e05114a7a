"""Handing in twice is handing in once, with an idempotency key."""

from __future__ import annotations

import asyncio

import pytest

from ezaigents import Client, Fleet, Settings, TaskKind, Wish

pytestmark = pytest.mark.functional


def test_the_same_key_is_the_same_job(settings: Settings) -> None:
    """A job handed in again under its key is the job there is already."""

    async def tour() -> None:
        async with Fleet(settings) as fleet, asyncio.TaskGroup() as group:
            group.create_task(fleet.run())

            async with Client.connect(settings) as client:
                wish = Wish(prompt="Where?", paths=("",), agent="local", kind=TaskKind.ANALYZE, key="monday")
                first = await client.submit(wish)
                again = await client.submit(wish)
                assert again.run.id == first.run.id
                assert (await client.queue.counts())["accepted"] == 3
                async for _ in client.watch(first.run.id):
                    pass

            fleet.stop()

    asyncio.run(tour())
