"""The composition root: what entering starts, leaving ends; a start that fails leaves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import msgspec
import pytest
from tests.contract.queue.cutting import CuttingProxy
from tests.engines import running_engine
from tests.integration.runtime.fleets import DONE, agent, at_once, call, working
from tests.leaks import run, until

from ezaigents import Client, Fleet
from ezaigents.engine import EngineHandle, begin, find_living, living_hosts
from ezaigents.errors import ConfigError, EngineDown, HostConflict, NotRunning
from ezaigents.queue import Queue
from ezaigents.settings import Settings


def test_leaving_ends_what_was_started(settings: Settings) -> None:
    """After the last host left no engine lives, the name is free, and no descriptor is left open."""

    async def story() -> None:
        async with Fleet(settings, agents={"a": agent(at_once)}):
            assert living_hosts(settings.home_path)
        assert find_living(settings) is None
        assert not living_hosts(settings.home_path)

    run(story())
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a figure, not paths
    for _ in range(3):
        run(story())
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_the_engine_outlives_all_hosts_but_the_last(settings: Settings) -> None:
    """A second host adopts the first one's engine; it goes on when the first leaves."""

    async def story() -> None:
        second = msgspec.structs.replace(settings, name="second")
        first_fleet = Fleet(settings, agents={"a": agent(at_once)})
        await first_fleet.__aenter__()
        async with working(second, agent(at_once)) as yard:
            assert yard.fleet.engine.adopted
            pid = yard.fleet.engine.pid
            assert pid == first_fleet.engine.pid
            await first_fleet.__aexit__(None, None, None)
            assert (await yard.ended(await yard.hand_in()))[0].state is DONE
            assert yard.fleet.engine.pid == pid
        assert find_living(settings) is None

    run(story())


def test_a_refused_host_leaves_the_first_one_alone(settings: Settings) -> None:
    """A second host of the same name is refused and takes nothing with it."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            with pytest.raises(HostConflict, match=str(os.getpid())):
                async with Fleet(settings, agents={"a": agent(at_once)}):
                    pass
            assert (await yard.ended(await yard.hand_in()))[0].state is DONE

    run(story())


class _Behind:
    """The engine, reached through a proxy."""

    def __init__(self, settings: Settings, proxy: CuttingProxy | None) -> None:
        self._settings = settings
        self._proxy = proxy

    def ready(self) -> EngineHandle:
        assert self._proxy is not None
        handle = begin(self._settings).ready()
        handle.address = msgspec.structs.replace(handle.address, path=self._proxy.address.path)
        return handle


def test_a_start_whose_connection_is_cut_goes_on(settings: Settings, tmp_path: Path) -> None:
    """Wherever the connection breaks while a host starts, the host starts, works, and leaves the engine to others."""

    async def story() -> None:
        other = msgspec.structs.replace(settings, name="other")
        async with Fleet(other, agents={}) as keeper, CuttingProxy(tmp_path, keeper.engine.address) as proxy:

            async def started(cut: int | None) -> None:
                proxy.cut_after(cut)
                async with Fleet(settings, agents={"a": agent(at_once)}, starting=_Behind(settings, proxy)):
                    assert set(living_hosts(settings.home_path)) == {"main", "other"}

            await started(None)
            length = proxy.passed
            assert length > 100
            for cut in range(0, length, max(1, length // 60)):
                await started(cut)
            living = find_living(settings)
            assert living is not None
            assert living.pid == keeper.engine.pid

    run(story())


def test_an_engine_that_ends_while_a_host_starts_is_started_again(settings: Settings) -> None:
    """It ended after it answered and before the host was connected."""

    class _Killed(_Behind):
        def ready(self) -> EngineHandle:
            handle = begin(self._settings).ready()
            assert handle.pid is not None
            os.kill(handle.pid, signal.SIGKILL)
            return handle

    async def story() -> None:
        async with Fleet(settings, agents={"a": agent(at_once)}, starting=_Killed(settings, None)) as fleet:
            assert find_living(settings) is not None
            assert fleet.host

    run(story())


def test_an_engine_that_dies_under_a_start_is_waited_for(settings: Settings) -> None:
    """Once the host is connected, what it asks before it is announced is asked again of the next engine."""

    class _Dying(Fleet):
        async def _bring_up_to_date(self, queue: Queue) -> None:
            assert self.engine.pid is not None
            os.kill(self.engine.pid, signal.SIGKILL)
            await super()._bring_up_to_date(queue)

    async def story() -> None:
        async with asyncio.timeout(30), _Dying(settings, agents={"a": agent(at_once)}) as fleet:
            assert find_living(settings) is not None
            assert fleet.host

    run(story())


def test_a_start_that_fails_leaves_nothing(settings: Settings) -> None:
    """When the engine cannot be reached the name is given back."""

    async def story() -> None:
        nowhere = msgspec.structs.replace(settings, redis_url="unix:///nowhere/at/all")
        with pytest.raises(EngineDown, match="EZ_REDIS_URL"):
            async with Fleet(nowhere, agents={"a": agent(at_once)}):
                pass
        assert not living_hosts(settings.home_path)

    run(story())


def test_an_external_engine_is_used_and_left_running(settings: Settings, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """With EZ_REDIS_URL nothing is started, and nothing stopped."""

    async def story(path: str) -> None:
        external = msgspec.structs.replace(settings, redis_url=f"unix://{path}")
        async with working(external, agent(at_once)) as yard:
            assert yard.fleet.engine.kind == "external"
            assert (await yard.ended(await yard.hand_in()))[0].state is DONE
        assert find_living(external) is not None

    with running_engine(tmp_path) as engine:
        run(story(engine.address.path))


def test_the_six_agents_are_declared(settings: Settings) -> None:
    """Without a word about agents the fleet declares the catalogue."""

    async def story() -> None:
        async with Fleet(settings) as fleet:
            names = [card.name for card in fleet.host.card.agents]
            assert names == ["claude", "deepseek", "gemini", "gpt", "mistral", "local"]

    run(story())


def test_the_host_is_listed_while_it_lives(settings: Settings) -> None:
    """A host shows its card when it is ready, and takes it away when it leaves."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            cards = await yard.client.hosts()
            assert [(card.name, card.pid, card.home) for card in cards] == [("main", os.getpid(), settings.home)]
            call(yard.fleet, "DEL", yard.queue.keys.host("main"))
            yard.fleet.host._sweeper.look()
            assert await yard.client.hosts() == []
            yard.fleet.stop()
            await yard.working
            assert call(yard.fleet, "ZCARD", yard.queue.keys.hosts()) == 0

    run(story())


@pytest.mark.parametrize("name", ["user", "all", "*", "+edits"])
def test_an_agent_cannot_have_the_name_of_others(settings: Settings, name: str) -> None:
    """What is written to `all`, or paused by `*`, would go to it alone: refused before it is claimed for."""

    async def story() -> None:
        with pytest.raises(ConfigError, match="stands for others"):
            async with working(settings, agent(at_once, name)):
                pass

    run(story())


def test_a_card_the_engine_lost_is_shown_again(settings: Settings) -> None:
    """An engine that was away may have lost the card; the first sign of life after that brings it back."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            call(yard.fleet, "DEL", yard.queue.keys.host("main"), yard.queue.keys.hosts())
            assert not await yard.client.hosts()
            yard.kill_engine()

            async def listed() -> bool:
                return bool(await yard.client.hosts())

            await until(listed, limit_s=5)

    run(story())


def test_a_fleet_survives_the_death_of_its_engine(settings: Settings) -> None:
    """The engine is started again by the fleet, however often, and work goes on."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            for _ in range(3):
                pid = yard.fleet.engine.pid
                yard.kill_engine()
                await until(lambda pid=pid: yard.fleet.engine.pid != pid)  # type: ignore[misc]
                assert (await yard.ended(await yard.hand_in()))[0].state is DONE

    run(story())


def test_a_client_without_a_fleet_is_told_so(settings: Settings) -> None:
    """Nothing to connect to: the error says how to start one."""

    async def story() -> None:
        with pytest.raises(NotRunning, match="ez up"):
            async with Client.connect(settings):
                pass
        async with Fleet(settings, agents={"a": agent(at_once)}):
            other = msgspec.structs.replace(settings, home=settings.home + "-other")
            with pytest.raises(NotRunning):
                async with Client.connect(other):
                    pass

    run(story())


def test_a_client_is_content_with_an_engine_when_told_so(settings: Settings, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """`need_host=False` reads what is kept although no host works."""

    async def story(path: str) -> None:
        external = msgspec.structs.replace(settings, redis_url=f"unix://{path}")
        async with working(external, agent(at_once)) as yard:
            ids = await yard.hand_in()
            await yard.ended(ids)
        with pytest.raises(NotRunning, match="safe"):
            async with Client.connect(external):
                pass
        async with Client.connect(external, need_host=False) as client:
            assert (await client.task(ids[0])).state is DONE
            assert not (await client.status()).ready
        await asyncio.sleep(0)

    with running_engine(tmp_path) as engine:
        run(story(engine.address.path))
