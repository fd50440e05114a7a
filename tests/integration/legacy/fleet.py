"""A fleet whose agents have the names of the old system's, and do in no time what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.integration.runtime.fleets import Do, FunctionAgent, Yard, at_once, working

from ezaigents.agents import Declared
from ezaigents.records import AgentCard, TaskState
from ezaigents.settings import Settings

NAMES = ("claude", "gpt", "deepseek", "mistral", "gemini")


@asynccontextmanager
async def team(
    settings: Settings, do: Do = at_once, *, paused: bool = False, names: Sequence[str] = NAMES
) -> AsyncIterator[Yard]:
    """The five agents. `paused`: what is handed in stays as it is."""

    def declare(name: str) -> Declared:
        return Declared(AgentCard(name=name, whole=True, task_bytes=1024), lambda settings: FunctionAgent(do))

    async with working(settings, *map(declare, names)) as yard:
        if paused:
            await yard.queue.pause(["*"])
        yield yard


async def prompts_of(yard: Yard, *states: TaskState) -> list[str]:
    """The prompts of all tasks there are, in the order in which they were accepted."""
    tasks = sorted(await yard.client.all_tasks(states=[state.value for state in states]), key=lambda task: task.seq)
    found = []
    for task in tasks:
        run = await yard.client.run(task.run)
        assert run is not None
        found.append(run.prompt)
    return found
