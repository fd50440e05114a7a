"""Talking: agents and the user write to one another while tasks run, and note down what is worth keeping."""

from __future__ import annotations

import asyncio

import pytest

from ezaigents import AgentCard, Claim, Client, Context, Declared, Fleet, Result, Settings, TaskKind, Wish

pytestmark = pytest.mark.functional


class Listener:
    """Answers what it is told, and notes it down."""

    async def run(self, claim: Claim, context: Context) -> Result:
        """Take the messages that came, answer each, and read the notes of those before."""
        for message in await context.messages():
            await context.send(message.sender, f"heard: {message.data}", type="answer")
            await context.learn(f"{message.sender} says: {message.data}")
        return Result(summary="; ".join(note.text for note in await context.notes()))

    async def close(self) -> None:
        """Nothing to let go of."""


def test_what_is_written_to_an_agent_is_read_answered_and_noted(settings: Settings) -> None:
    """A message waits for the agent's next task; its answer says who it is from, whatever the text claims."""

    async def tour() -> None:
        agents = {"listener": Declared(AgentCard(name="listener"), lambda _settings: Listener())}
        async with Fleet(settings, agents=agents) as fleet, asyncio.TaskGroup() as group:
            group.create_task(fleet.run())
            async with Client.connect(settings) as client:
                await client.operator.write_to("listener", "use tabs")
                handed = await client.submit(
                    Wish(prompt="Listen", paths=("README.md",), agent="listener", kind=TaskKind.REVIEW)
                )
                async for _ in client.watch(handed.run.id):
                    pass
                said = [(message.sender, message.data) async for message in client.operator.conversation("user")]
                assert said == [("user", "use tabs"), ("listener", "heard: use tabs")]
                assert (await client.task(handed.specs[0].id)).summary == "user says: use tabs"
            fleet.stop()

    asyncio.run(tour())
