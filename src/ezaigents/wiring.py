"""The composition root: Settings to running parts. Imported only by the command line, the API and tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from ezaigents.agents import Agent, AgentFactory, Declared
from ezaigents.agents.catalog import declared_agents
from ezaigents.clock import SystemClock
from ezaigents.engine import Connection, EngineHandle, HostLock, Starting, Supervisor, begin
from ezaigents.errors import ConfigError
from ezaigents.home import open_home
from ezaigents.queue import Keys, Queue
from ezaigents.records import HostCard
from ezaigents.runtime import Cache, Delivery, Host, PollDelivery, PushDelivery, make_cache
from ezaigents.settings import Settings
from ezaigents.team import Team
from ezaigents.workspace import place_id

if TYPE_CHECKING:
    from ezaigents.patches import Applier

_FOR_EVER_S = 1e9
"""A host repeats its transitions for as long as it lives: its outcomes must not be lost while the engine is away."""


class Fleet:
    """Agents on a data folder: the engine, and one host that runs them. `async with Fleet(settings) as fleet`.

    `agents`: those to declare, by name; None = the six of the catalogue. `started_at`: monotonic time at which the
    process began, for the time to ready. Entering starts everything and raises ConfigError, EngineMissing,
    EngineUnfit, EngineDown or HostConflict; `run()` works until `stop()`; leaving ends what was started.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        agents: Mapping[str, Declared] | None = None,
        started_at: float | None = None,
        starting: Starting | None = None,
    ) -> None:
        self.settings = settings
        self._given_agents = agents
        self._started_at = time.monotonic() if started_at is None else started_at
        self._starting = starting
        self._leaving = contextlib.AsyncExitStack()
        self._supervising: asyncio.Task[None] | None = None
        self.host: Host
        self.engine: EngineHandle

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._leaving.aclose()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._leaving.aclose()

    @property
    def started_in_s(self) -> float:
        """Seconds from the process's beginning to ready."""
        return self.host.card.started_in_ms / 1000

    async def run(self) -> None:
        """Work until stopped and wound down."""
        await self.host.run()

    def stop(self) -> None:
        """Ask for a graceful stop; a second call shortens it."""
        self.host.stop()

    async def _start(self) -> None:
        settings = self.settings
        identity = open_home(settings.home_path)
        lock = HostLock(settings)
        lock.acquire()
        self._leaving.callback(lock.release)
        starting = self._starting or begin(settings)
        self.engine = starting.ready()
        self._leaving.callback(self.engine.leave)
        connection = Connection(
            self.engine.address,
            on_heard=self._on_heard,
            on_restored=self._on_restored,
            client_name="ez-host",
        )
        await connection.open()
        self._leaving.push_async_callback(connection.close)
        queue = Queue(connection, Keys(settings.namespace or identity), patience_s=_FOR_EVER_S)
        self.host = self._make_host(identity, connection, queue)
        self._supervise()
        await self.host.start()

    def _make_host(self, identity: str, connection: Connection, queue: Queue) -> Host:
        settings, clock = self.settings, SystemClock()
        cache = make_cache(settings, clock)
        agents = declared_agents(_local_with(cache)) if self._given_agents is None else self._given_agents
        if self._given_agents is not None:
            _check_names(self._given_agents)
        place = place_id(identity, settings.workspace)
        card = HostCard(
            name=settings.name,
            pid=os.getpid(),
            node=os.uname().nodename,
            boot=os.urandom(6).hex(),
            home=settings.home,
            places=(place,),
            agents=tuple(declared.card for declared in agents.values()),
            started_ms=clock.wall_ms(),
            started_in_ms=round((time.monotonic() - self._started_at) * 1000),
        )
        team = Team(settings, connection, queue, clock)
        return Host(
            settings,
            connection,
            queue,
            team,
            lambda: self._make_applier(queue, team, place),
            _make_delivery(settings, connection, queue.keys),
            cache,
            agents,
            {place: settings.workspace_path},
            card,
            clock,
            durability=self.engine.durability if self.engine.kind == "embedded" else "",
        )

    def _make_applier(self, queue: Queue, team: Team, place: str) -> Applier:
        from ezaigents.patches import Applier

        return Applier(queue, team.leases, self.settings, place)

    def _on_heard(self, channel: str, text: str) -> None:
        self.host.on_heard(channel, text)

    def _on_restored(self) -> None:
        self.host.on_restored()

    def _supervise(self) -> None:
        if self.engine.kind != "embedded":
            return
        supervisor = Supervisor(self.settings, self.engine, self.host.on_restored)
        self._supervising = asyncio.ensure_future(supervisor.run())
        self._leaving.push_async_callback(self._end_supervising, self._supervising)

    @staticmethod
    async def _end_supervising(supervising: asyncio.Task[None]) -> None:
        supervising.cancel()
        await asyncio.wait([supervising])


def _check_names(agents: Mapping[str, Declared]) -> None:
    """Raise ConfigError for an agent whose name is an address: a message to it would go to others."""
    from ezaigents.team import is_reserved

    for name in agents:
        if is_reserved(name) or name == "*":
            raise ConfigError(f"no agent can be called {name!r}: it stands for others; give it another name")


def _make_delivery(settings: Settings, connection: Connection, keys: Keys) -> Delivery:
    if settings.delivery == "poll":
        return PollDelivery(settings.poll_s)
    return PushDelivery(connection, keys)


def _local_with(cache: Cache) -> AgentFactory:
    def make(settings: Settings) -> Agent:
        from ezaigents.agents.local import LocalAnalyst

        return LocalAnalyst(settings, cache=cache)

    return make
