"""First look: a fleet works, a client hands in a job and follows it to its end."""

from __future__ import annotations

import asyncio

import pytest

from ezaigents import Client, Fleet, Settings, TaskKind, Wish

pytestmark = pytest.mark.functional


def test_hand_in_and_follow(settings: Settings) -> None:
    """A job over a folder becomes one task per file and a summary, which comes last and names the report."""

    async def tour() -> None:
        async with Fleet(settings) as fleet, asyncio.TaskGroup() as group:
            group.create_task(fleet.run())

            async with Client.connect(settings) as client:
                wish = Wish(prompt="Where are the hot spots?", paths=("",), agent="local", kind=TaskKind.ANALYZE)
                handed = await client.submit(wish)
                async for progress in client.watch(handed.run.id):
                    last = progress

                assert last.counts.done == 3
                tasks = await client.tasks_of(handed.run.id)
                assert [task.title for task in tasks] == ["README.md", "tangle.py", "summary"]
                report = settings.home_path / tasks[-1].report
                assert "tangle" in report.read_text()

            fleet.stop()

    asyncio.run(tour())
