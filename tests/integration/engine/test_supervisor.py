"""The engine dies; the supervisor brings it back with everything that was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from tests.integration.engine.conftest import HostProcess, call, kill_engine

from ezaigents.engine import EngineHandle, Supervisor, begin
from ezaigents.engine.layout import CONFIGURATION
from ezaigents.engine.process import engine_pid
from ezaigents.settings import Settings


@contextlib.asynccontextmanager
async def supervised(settings: Settings, handle: EngineHandle) -> AsyncIterator[asyncio.Queue[int | None]]:
    """Run a supervisor; the queue gets the engine's pid after each restart."""
    restarts: asyncio.Queue[int | None] = asyncio.Queue()
    supervisor = Supervisor(settings, handle, lambda: restarts.put_nowait(handle.pid))
    running = asyncio.ensure_future(supervisor.run())
    try:
        yield restarts
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _kill_and_wait(settings: Settings, restarts: asyncio.Queue[int | None]) -> int | None:
    old = await asyncio.to_thread(kill_engine, settings)
    async with asyncio.timeout(20):
        new = await restarts.get()
    assert new not in (None, old)
    return new


def test_acknowledged_writes_survive_kill_9(settings: Settings) -> None:
    """After kill -9 of the engine it runs again, and every acknowledged write is there."""

    async def story() -> None:
        handle = begin(settings).ready()
        async with supervised(settings, handle) as restarts:
            for turn in range(3):
                for number in range(50):
                    call(handle, "RPUSH", "{ez:x}:list", f"{turn}.{number}")
                await _kill_and_wait(settings, restarts)
                assert call(handle, "LLEN", "{ez:x}:list") == (turn + 1) * 50
            assert handle.pid == engine_pid(settings.home_path)
        handle.leave()

    asyncio.run(story())


def test_an_adopted_engine_is_watched_too(settings: Settings, start_host: Callable[..., HostProcess]) -> None:
    """An engine that is not our child is restarted as well."""
    host = start_host(msgspec.structs.replace(settings, name="gone"))
    host.answer()
    host.kill()

    async def story() -> None:
        handle = begin(settings).ready()
        adopted = [handle.adopted]
        async with supervised(settings, handle) as restarts:
            await _kill_and_wait(settings, restarts)
            adopted.append(handle.adopted)
            assert adopted == [True, False]
            assert call(handle, "PING") == b"PONG"
        handle.leave()

    asyncio.run(story())


def test_two_watch_one_restarts(settings: Settings) -> None:
    """Of two hosts that watch one engine exactly one restarts it, the other adopts."""

    async def story() -> None:
        handles = [begin(settings).ready(), begin(settings).ready()]
        async with supervised(settings, handles[0]) as one, supervised(settings, handles[1]) as other:
            for _ in range(2):
                pid = await _kill_and_wait(settings, one)
                async with asyncio.timeout(20):
                    assert await other.get() == pid
                assert sorted(handle.adopted for handle in handles) == [False, True]
        handles[0].leave()

    asyncio.run(story())


def test_it_never_gives_up(settings: Settings) -> None:
    """However often the engine dies, it is started again: accepted tasks wait for it."""

    async def story() -> None:
        handle = begin(settings).ready()
        async with supervised(settings, handle) as restarts:
            for _ in range(5):
                await _kill_and_wait(settings, restarts)
        handle.leave()

    asyncio.run(story())


def test_a_start_that_fails_is_tried_again(settings: Settings) -> None:
    """An engine that cannot be started now is started when it can be."""

    async def story() -> None:
        handle = begin(settings).ready()
        configuration = settings.home_path / CONFIGURATION
        async with supervised(settings, handle) as restarts:
            blocked = configuration.with_name(f".{CONFIGURATION}.new")
            blocked.mkdir()
            await asyncio.to_thread(kill_engine, settings)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await restarts.get()
            blocked.rmdir()
            async with asyncio.timeout(20):
                await restarts.get()
        handle.leave()

    asyncio.run(story())


def test_leaving_is_not_dying(settings: Settings) -> None:
    """An engine that its last host stopped is not started again."""

    async def story() -> None:
        handle = begin(settings).ready()
        supervisor = asyncio.ensure_future(Supervisor(settings, handle).run())
        await asyncio.sleep(0)
        await asyncio.to_thread(handle.leave)
        async with asyncio.timeout(20):
            await supervisor
        assert engine_pid(settings.home_path) is None

    asyncio.run(story())
