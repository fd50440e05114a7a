"""An agent of your own: a name, a card, and one coroutine that does one task."""

from __future__ import annotations

import asyncio

import pytest

from ezaigents import AgentCard, Claim, Client, Context, Declared, Fleet, Result, Settings, TaskFailed, TaskKind, Wish

pytestmark = pytest.mark.functional


class Greeter:
    """Greets each file, but refuses documents."""

    async def run(self, claim: Claim, context: Context) -> Result:
        """Do one task."""
        if claim.title.endswith(".md"):
            raise TaskFailed("documents are not greeted")
        return Result(summary=f"{await context.prompt()}, {claim.title}")

    async def close(self) -> None:
        """Nothing to let go of."""


def test_an_agent_of_your_own(settings: Settings) -> None:
    """What an agent returns is its task's summary; what it refuses ends dead, with the reason it gave."""

    async def tour() -> None:
        agents = {"greeter": Declared(AgentCard(name="greeter"), lambda _settings: Greeter())}
        async with Fleet(settings, agents=agents) as fleet, asyncio.TaskGroup() as group:
            group.create_task(fleet.run())

            async with Client.connect(settings) as client:
                handed = await client.submit(Wish(prompt="Hello", paths=("",), agent="greeter", kind=TaskKind.DOCUMENT))
                async for _ in client.watch(handed.run.id):
                    pass
                document, program, _ = await client.tasks_of(handed.run.id)

            assert (program.state, program.summary) == ("done", "Hello, tangle.py")
            assert (document.state, document.error) == ("dead", "documents are not greeted")
            fleet.stop()

    asyncio.run(tour())
