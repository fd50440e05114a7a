"""When a heartbeat speaks, and what it says. The registry here only listens; tests/contract/team has real ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.leaks import run, until

from ezaigents.clock import ManualClock
from ezaigents.engine import Address, Connection
from ezaigents.errors import EngineDown
from ezaigents.queue import Keys
from ezaigents.records import AgentCard, Health, HostCard
from ezaigents.runtime.health import NAMED_MOST, Checkup, HealthBook
from ezaigents.runtime.heartbeat import DeltaHeartbeat, FullHeartbeat, Heartbeat, make_heartbeat
from ezaigents.settings import Settings
from ezaigents.team import Registry

_NEVER_S = 3600.0
_CARD = HostCard(
    name="main", pid=1, node="n", boot="b", home="/d", places=(), started_ms=0, started_in_ms=0,
    agents=tuple(AgentCard(name=f"a{number}") for number in range(30)),
)  # fmt: skip
_ILL = Health(agents={"a0": "3 attempts in a row failed: boom"})


class Heard(Registry):
    """Writes down what it is told. `lost`: it does not know the card. `down`: it does not answer.

    `cut`: it takes what it is told, and the answer is lost.
    """

    def __init__(self) -> None:
        super().__init__(Connection(Address(path="/nowhere")), Keys("n"))
        self.said: list[tuple[str, Health | None]] = []
        self.lost = self.down = self.cut = False
        self.on_beat: Callable[[], None] = lambda: None

    async def announce(self, card: HostCard, health: Health | None = None) -> None:
        self._hear("announce", health)
        self.lost = False

    async def beat(self, name: str, changed: Health | None = None) -> bool:
        self.on_beat()
        if not self.lost:
            self._hear("beat", changed)
        return not self.lost

    def _hear(self, word: str, health: Health | None) -> None:
        if not self.down:
            self.said.append((word, health))
        if self.down or self.cut:
            raise EngineDown("it is away")

    def told(self) -> list[tuple[str, Health | None]]:
        """What was said since the last time."""
        said, self.said = self.said, []
        return said


class Watched(Checkup):
    """Counts its looks, and keeps how late the latest of them was."""

    looks = 0
    latest_s = 0.0

    def look(self, late_s: float, *, named_most: int = NAMED_MOST) -> Health:
        self.looks += 1
        self.latest_s = max(self.latest_s, late_s)
        return super().look(late_s, named_most=named_most)


class Scene:
    """A heartbeat that looks when it is told to, over a clock that moves when it is told to."""

    def __init__(self, home: Path) -> None:
        self.registry = Heard()
        self.clock = ManualClock()
        self.book = HealthBook()
        self.checkup = Watched(self.book, home, memory_limit_bytes=2**50)
        self.heartbeat: Heartbeat = DeltaHeartbeat(
            self.registry, lambda: _CARD, self.checkup, self.clock, look_s=_NEVER_S
        )

    async def look(self) -> list[tuple[str, Health | None]]:
        """Have it look once; returns what it said."""
        looks = self.checkup.looks
        self.heartbeat.look_now()
        await until(lambda: self.checkup.looks > looks)
        return self.registry.told()

    def fail(self, agent: str = "a0") -> None:
        """An agent becomes degraded."""
        for _ in range(3):
            self.book.failed(agent, "boom")

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """It runs, and ends by itself when told to stop."""
        heartbeat = self.heartbeat
        running = asyncio.ensure_future(heartbeat.run())
        try:
            yield
        finally:
            heartbeat.stop()
            await asyncio.wait_for(running, 5)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def _beating(scene: Scene, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        async with scene.beating():
            await story()

    run(told())


# -- delta -----------------------------------------------------------------------------------------------------------


def test_nothing_is_said_while_nothing_changes(scene: Scene) -> None:
    """Before half a minute has passed a look says nothing; then one beat does, without a word on health."""

    async def story() -> None:
        assert await scene.look() == []
        scene.clock.advance(29.9)
        assert await scene.look() == []
        scene.clock.advance(0.1)
        assert await scene.look() == [("beat", None)]
        scene.clock.advance(29.9)
        assert await scene.look() == []

    _beating(scene, story)


def test_a_change_is_said_at_the_look_that_sees_it(scene: Scene) -> None:
    """Without waiting for the half minute, once; being well again is a change too."""

    async def story() -> None:
        scene.fail()
        assert await scene.look() == [("beat", _ILL)]
        scene.fail()
        assert await scene.look() == []
        scene.book.succeeded("a0")
        assert await scene.look() == [("beat", Health())]
        scene.clock.advance(30)
        assert await scene.look() == [("beat", None)]

    _beating(scene, story)


def test_a_beat_of_any_kind_begins_the_half_minute_anew(scene: Scene) -> None:
    """A change that was just told is a sign of life as well."""

    async def story() -> None:
        scene.clock.advance(20)
        scene.fail()
        assert len(await scene.look()) == 1
        scene.clock.advance(20)
        assert await scene.look() == []

    _beating(scene, story)


def test_a_card_that_was_lost_is_announced_again(scene: Scene) -> None:
    """With what ails the host now, though that had been told before the loss."""

    async def story() -> None:
        scene.fail()
        assert await scene.look() == [("beat", _ILL)]
        scene.registry.lost = True
        scene.clock.advance(30)
        assert await scene.look() == [("announce", _ILL)]
        assert await scene.look() == []

    _beating(scene, story)


def test_an_engine_that_is_away_is_tried_again_at_the_next_look(scene: Scene) -> None:
    """The heartbeat outlives it, and does not wait another half minute."""

    async def story() -> None:
        scene.registry.down = True
        scene.clock.advance(30)
        assert await scene.look() == []
        scene.registry.down = False
        scene.clock.advance(1)
        assert await scene.look() == [("beat", Health())]
        assert await scene.look() == []

    _beating(scene, story)


def test_what_may_or_may_not_have_arrived_is_said_again(scene: Scene) -> None:
    """A change whose answer was lost, and that is over by the next look, does not stay with the engine for ever."""

    async def story() -> None:
        scene.fail()
        scene.registry.cut = True
        assert await scene.look() == [("beat", _ILL)]
        scene.registry.cut = False
        scene.book.succeeded("a0")
        assert await scene.look() == [("beat", Health())]

    _beating(scene, story)


def test_it_looks_by_itself(scene: Scene) -> None:
    """Every `look_s` seconds, without being asked."""
    scene.heartbeat = DeltaHeartbeat(scene.registry, lambda: _CARD, scene.checkup, scene.clock, look_s=0.01)

    async def story() -> None:
        await until(lambda: scene.checkup.looks >= 3)

    _beating(scene, story)
    assert scene.registry.told() == []


def test_a_host_that_leaves_is_not_announced_again(scene: Scene) -> None:
    """A beat that was under way at the stop may find the card taken away; that is not a card that was lost."""
    scene.registry.on_beat = scene.heartbeat.stop
    scene.registry.lost = True
    scene.clock.advance(30)

    async def story() -> None:
        assert await scene.look() == []

    _beating(scene, story)


def test_what_was_stopped_says_nothing_more(scene: Scene) -> None:
    """A look that was asked for just before the stop is not made: the host is about to leave."""
    scene.fail()

    async def story() -> None:
        scene.heartbeat.look_now()
        scene.heartbeat.stop()

    _beating(scene, story)
    assert scene.checkup.looks == 0
    assert scene.registry.told() == []


def test_a_loop_that_hung_is_noticed(scene: Scene) -> None:
    """A look that its turn came late for knows by how much; one that was asked for is not late."""

    async def story() -> None:
        assert await scene.look() == []
        assert scene.checkup.latest_s == 0.0
        scene.heartbeat.stop()
        scene.heartbeat = DeltaHeartbeat(scene.registry, lambda: _CARD, scene.checkup, scene.clock, look_s=0.01)
        async with scene.beating():
            looks = scene.checkup.looks
            await until(lambda: scene.checkup.looks > looks)
            time.sleep(0.3)  # what is tested: the loop stands still
            await until(lambda: scene.checkup.latest_s > 0.2)

    _beating(scene, story)


# -- full ------------------------------------------------------------------------------------------------------------


def test_full_says_everything_every_time(scene: Scene) -> None:
    """Card, health and the state of every agent, more than twenty ailing ones too, changed or not."""
    scene.heartbeat = FullHeartbeat(scene.registry, lambda: _CARD, scene.checkup, full_s=_NEVER_S)
    names = [agent.name for agent in _CARD.agents]
    for name in names[:25]:
        scene.fail(name)

    async def story() -> None:
        said = await scene.look()
        assert await scene.look() == said
        [(word, health)] = said
        assert word == "announce"
        assert health is not None
        assert list(health.agents) == names
        assert [name for name, why in health.agents.items() if why] == names[:25]
        assert health.more == 0

    _beating(scene, story)


def test_full_comes_round_by_itself_and_outlives_the_engine(scene: Scene) -> None:
    """It goes on every `full_s` seconds while the engine is away, and after it."""
    scene.heartbeat = FullHeartbeat(scene.registry, lambda: _CARD, scene.checkup, full_s=0.01)
    scene.registry.down = True

    async def story() -> None:
        await until(lambda: scene.checkup.looks >= 3)
        assert scene.registry.told() == []
        scene.registry.down = False
        await until(lambda: scene.registry.said)

    _beating(scene, story)


def test_the_setting_chooses(scene: Scene) -> None:
    """`heartbeat` is delta by default; full is there to be compared with."""
    parts = (scene.registry, lambda: _CARD, scene.checkup, scene.clock)
    assert isinstance(make_heartbeat(Settings(), *parts), DeltaHeartbeat)
    assert isinstance(make_heartbeat(Settings(heartbeat="full"), *parts), FullHeartbeat)
