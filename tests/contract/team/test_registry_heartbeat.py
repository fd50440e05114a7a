"""A heartbeat over a real engine: what others see of it, and what it makes of an engine that forgets or is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.contract.queue.rig import Rig, wait_until
from tests.contract.team.test_registry import card, seen, silent_for

from ezaigents.clock import SystemClock
from ezaigents.engine import Connection
from ezaigents.records import Health, HostCard
from ezaigents.runtime.health import Checkup, HealthBook
from ezaigents.runtime.heartbeat import DeltaHeartbeat, FullHeartbeat, Heartbeat
from ezaigents.team.presence import State, agent_presence, presence
from ezaigents.team.registry import Registry

_SOON_S = 0.01
_NEVER_S = 3600.0
_WORDS = "3 attempts in a row failed: boom"


@asynccontextmanager
async def _beating(heartbeat: Heartbeat) -> AsyncIterator[None]:
    running = asyncio.ensure_future(heartbeat.run())
    try:
        yield
    finally:
        heartbeat.stop()
        await asyncio.wait_for(running, 5)


def _failing(book: HealthBook) -> None:
    for _ in range(3):
        book.failed("a", "boom")


class Host:
    """The parts of a host that beat."""

    def __init__(self, connection: Connection, rig: Rig, home: Path) -> None:
        self.registry = Registry(connection, rig.keys)
        self.book = HealthBook()
        self.checkup = Checkup(self.book, home, memory_limit_bytes=2**50)

    def delta(self, *, look_s: float = _SOON_S, beat_s: float = _SOON_S) -> Heartbeat:
        return DeltaHeartbeat(self.registry, card, self.checkup, SystemClock(), look_s=look_s, beat_s=beat_s)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


async def test_a_beating_host_is_seen_and_its_end_is_noticed(rig: Rig, home: Path) -> None:
    """A host that seemed gone is back with its next beat; without beats it is gone again."""
    host = Host(rig.connection, rig, home)
    await host.registry.announce(card())
    await silent_for(rig, "main", 61)
    assert presence(await seen(rig)).state is State.GONE
    async with _beating(host.delta()):

        async def is_back() -> bool:
            return presence(await seen(rig)).state is State.HEALTHY

        await wait_until(is_back)
    await silent_for(rig, "main", 61)
    assert presence(await seen(rig)).state is State.GONE


async def test_what_ails_an_agent_is_seen_by_others_and_goes_again(rig: Rig, home: Path) -> None:
    """Three failures in a row are told at the next look, and the first success after them too."""
    host = Host(rig.connection, rig, home)
    await host.registry.announce(card())
    async with _beating(host.delta(beat_s=_NEVER_S)):

        async def is_ill() -> bool:
            return agent_presence(await seen(rig), "a", busy=0, paused=()).why == _WORDS

        async def is_well() -> bool:
            return agent_presence(await seen(rig), "a", busy=0, paused=()).state is State.HEALTHY

        _failing(host.book)
        await wait_until(is_ill)
        host.book.succeeded("a")
        await wait_until(is_well)


async def test_a_card_that_was_just_announced_is_not_announced_again(rig: Rig, home: Path) -> None:
    """A heartbeat is made before the card is whole; looking at what was announced since is no change."""
    host = Host(rig.connection, rig, home)
    now, looks = card(), 0

    def looked() -> HostCard:
        nonlocal looks
        looks += 1
        return now

    heartbeat = DeltaHeartbeat(host.registry, looked, host.checkup, SystemClock(), look_s=_SOON_S, beat_s=_NEVER_S)
    now = msgspec.structs.replace(now, started_in_ms=now.started_in_ms + 300)
    await host.registry.announce(now)
    written = await _writes(rig)
    async with _beating(heartbeat):

        async def has_looked() -> bool:
            return looks > 5

        await wait_until(has_looked)
    assert await _writes(rig) == written


async def _writes(rig: Rig) -> int:
    """How often a hash was written, by the engine's count."""
    stats: bytes = await rig.raw("INFO", "commandstats")
    return int(stats.partition(b"cmdstat_hset:calls=")[2].partition(b",")[0])


async def test_an_engine_that_forgot_everything_hears_the_card_again(rig: Rig, home: Path) -> None:
    """The next beat finds the card missing, and the host is back with what ails it, without having been restarted."""
    host = Host(rig.connection, rig, home)
    _failing(host.book)
    await host.registry.announce(card())
    async with _beating(host.delta()):
        await rig.raw("FLUSHALL")

        async def is_back() -> bool:
            return [row.health for row in await host.registry.hosts()] == [Health(agents={"a": _WORDS})]

        await wait_until(is_back)
    assert (await seen(rig)).card == card()


async def test_an_engine_that_was_away_hears_of_it_later(
    rig: Rig, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Looks without an engine end nothing; once there is one, what changed meanwhile is told."""
    connection = Connection(rig.engine.address)
    host = Host(connection, rig, home)
    _failing(host.book)
    async with AsyncExitStack() as leaving:
        await leaving.enter_async_context(_beating(host.delta()))

        async def has_failed() -> bool:
            return "heartbeat: no engine answers" in caplog.text

        await wait_until(has_failed)
        await connection.open()
        leaving.push_async_callback(connection.close)

        async def is_told() -> bool:
            return [row.health.agents for row in await host.registry.hosts()] == [{"a": _WORDS}]

        await wait_until(is_told)


async def test_full_and_delta_are_read_alike(rig: Rig, home: Path) -> None:
    """Who reads does not know which heartbeat a host has: an agent without a reason is well in both."""
    host = Host(rig.connection, rig, home)
    full = FullHeartbeat(host.registry, card, host.checkup, full_s=_SOON_S)
    async with _beating(full):

        async def is_told() -> bool:
            return any(row.health.agents == {"a": ""} for row in await host.registry.hosts())

        await wait_until(is_told)
        assert agent_presence(await seen(rig), "a", busy=0, paused=()).state is State.HEALTHY
        assert presence(await seen(rig)).state is State.HEALTHY
