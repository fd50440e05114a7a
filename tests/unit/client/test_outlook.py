"""One look at the fleet serves many jobs, for a second."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest
from tests.leaks import run

from ezaigents.client import AgentPresence, Client, Lookout
from ezaigents.errors import NotRunning
from ezaigents.records import HostCard, Task, TaskKind, TaskState
from ezaigents.settings import Settings, load_settings

HOST = HostCard(name="h", pid=1, node="n", boot="b", home="", places=("p",), agents=(), started_ms=0, started_in_ms=0)
MODEL = AgentPresence(
    name="m", state="ready", slots=1, busy=0, health="healthy", why="", capabilities=(), models=("anthropic:x",)
)


class _Fleet:
    """What is looked at, and how often."""

    def __init__(self, settings: Settings, *agents: AgentPresence) -> None:
        self.settings = settings
        self.agents = agents
        self.looks = self.histories = 0
        self.now_s = 100.0
        self.is_there = True
        self.ended: list[Task] = []
        self.lookout = Lookout(cast("Client", self), lambda: self.now_s)

    async def company(self) -> tuple[tuple[HostCard, ...], tuple[AgentPresence, ...]]:
        self.looks += 1
        await asyncio.sleep(0)
        if not self.is_there:
            raise NotRunning("no host")
        return (HOST,), self.agents

    async def last_ended(self, most: int) -> list[Task]:
        self.histories += 1
        return self.ended[:most]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"home": str(tmp_path), "workspace": str(tmp_path)}, environ={}, cwd=tmp_path)


def test_a_look_serves_all_who_ask_within_a_second(settings: Settings) -> None:
    """Who asks within a second of a look gets that look; after it, a new one."""

    async def story() -> None:
        fleet = _Fleet(settings)
        first = await fleet.lookout.look()
        fleet.now_s += 0.9
        assert await fleet.lookout.look() is first
        fleet.now_s += 0.2
        assert await fleet.lookout.look() is not first
        assert fleet.looks == 2

    run(story())


def test_those_who_ask_at_once_share_a_look(settings: Settings) -> None:
    """A crowd costs the engine one look, and one of them who leaves takes it from nobody."""

    async def story() -> None:
        fleet = _Fleet(settings)
        crowd = [asyncio.create_task(fleet.lookout.look()) for _ in range(20)]
        await asyncio.sleep(0)
        crowd[0].cancel()
        seen = await asyncio.gather(*crowd[1:])
        assert len({id(one) for one in seen}) == 1
        assert fleet.looks == 1

    run(story())


def test_a_look_that_failed_is_not_kept(settings: Settings) -> None:
    """Where no host lives everybody is told so, and as soon as one does it is seen."""

    async def story() -> None:
        fleet = _Fleet(settings)
        fleet.is_there = False
        for _ in range(2):
            with pytest.raises(NotRunning):
                await fleet.lookout.look()
        fleet.is_there = True
        assert (await fleet.lookout.look()).hosts == (HOST,)

    run(story())


def test_a_closed_one_leaves_nothing_under_way(settings: Settings) -> None:
    """A look that nobody waits for any more ends with the site."""

    async def story() -> None:
        fleet = _Fleet(settings)
        asking = asyncio.create_task(fleet.lookout.look())
        await asyncio.sleep(0)
        await fleet.lookout.close()
        assert (await asyncio.gather(asking, return_exceptions=True))[0].__class__ is asyncio.CancelledError

    run(story())


def test_what_tasks_cost_is_of_done_ones_of_real_models(settings: Settings) -> None:
    """Only what was done and paid for tells what such a job costs; it is read where models are asked, and seldom."""

    async def story() -> None:
        fleet = _Fleet(settings, MODEL)
        for state, cost, calls, simulated in (
            (TaskState.DONE, 7, 1, False),
            (TaskState.DONE, 5, 1, False),
            (TaskState.DONE, 9, 1, True),
            (TaskState.DONE, 9, 0, False),
            (TaskState.CANCELLED, 9, 1, False),
        ):
            fleet.ended.append(
                Task(id="0" * 18, run="0" * 18, agent="m", place="p", kind=TaskKind.EDIT, state=state, seq=1,
                     cost_microusd=cost, calls=calls, simulated=simulated)
            )  # fmt: skip
        assert (await fleet.lookout.look()).costs == {("m", "edit"): [5, 7]}
        fleet.now_s += 2
        await fleet.lookout.look()
        assert (fleet.looks, fleet.histories) == (2, 1)
        fleet.now_s += 4
        await fleet.lookout.look()
        assert fleet.histories == 2
        other = _Fleet(settings)
        await other.lookout.look()
        assert other.histories == 0

    run(story())
