"""`Fleet`: the engine of a data folder, and one host that runs agents. Job: put them together, and take them apart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Self

from ezaigents.agents import Agent, AgentFactory, Declared
from ezaigents.clock import SystemClock
from ezaigents.engine import Connection, EngineHandle, HostLock, Starting, Supervisor, begin, living_hosts
from ezaigents.errors import ConfigError, EngineDown
from ezaigents.home import STATE_VERSION, open_home, state_version
from ezaigents.queue import Keys, Queue, engine_version
from ezaigents.records import AgentCard, HostCard
from ezaigents.runtime import Cache, Delivery, Host, PollDelivery, PushDelivery, make_cache
from ezaigents.settings import CHOICES_FILE, Settings
from ezaigents.team import Team
from ezaigents.wiring.models import Models
from ezaigents.wiring.runtimes import HostCommand, make_runtime
from ezaigents.workspace import place_id

if TYPE_CHECKING:
    from ezaigents.agents.model.calls import ModelCalls
    from ezaigents.patches import Applier

_log = logging.getLogger(__name__)
_OPEN_TRIES = 3
_FOR_EVER_S = 1e9
"""A host repeats its transitions for as long as it lives: its outcomes must not be lost while the engine is away."""


class Fleet:
    """Agents on a data folder: the engine, and one host that runs them. `async with Fleet(settings) as fleet`.

    `agents`: those to declare, by name; None = those of the roster, and the analyst. `started_at`: monotonic time at
    which the process began, for the time to ready. Entering starts everything and raises ConfigError, EngineMissing,
    EngineUnfit, EngineDown or HostConflict; `run()` works until `stop()`; leaving ends what was started. `port`: where
    this process answers HTTP, 0 = nowhere. `only`: the one agent to run, "" = all; `host_command`: how a host is
    started, for those that are to run in processes of their own.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        agents: Mapping[str, Declared] | None = None,
        started_at: float | None = None,
        starting: Starting | None = None,
        port: int = 0,
        only: str = "",
        host_command: HostCommand | None = None,
    ) -> None:
        self.settings = settings
        self._port = port
        self._runtime = make_runtime(settings, host_command, only)
        self._given_agents = agents
        self._started_at = time.monotonic() if started_at is None else started_at
        self._starting = starting
        self._leaving = contextlib.AsyncExitStack()
        self._supervising: asyncio.Task[None] | None = None
        self._models: Models | None = None
        self._migrated: tuple[str, ...] = ()
        self._kept = ""
        self.notes: tuple[str, ...] = ()
        """What whoever started it should be told, once it is ready."""
        self.cards: tuple[AgentCard, ...] = ()
        """Every agent of this fleet, those in other processes too, as they were at its start."""
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
        self._runtime.stop()

    def model_calls(self) -> ModelCalls | None:
        """Calls to models that belong to no task; None where the agents were given, which bring no models of ours."""
        return None if self._models is None else self._models.calls()

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
        self._connection = connection
        await self._open(connection)
        self._leaving.push_async_callback(connection.close)
        self._supervise()  # from here on an engine that dies is waited for
        self._keys = Keys(settings.namespace or identity)
        queue = Queue(connection, self._keys, patience_s=_FOR_EVER_S)
        await self._bring_up_to_date(queue)
        simulated_at = await self._simulated_at()
        team = Team(settings, connection, queue, SystemClock())
        await self._keep_as_others(queue, team)
        self.host = self._make_host(identity, connection, queue, team, simulated_at)
        self._leaving.push_async_callback(self._runtime.close)
        await self._runtime.start(simulated_at)
        await self.host.start(started_in_ms=round((time.monotonic() - self._started_at) * 1000))

    async def _open(self, connection: Connection) -> None:
        """Connect. An engine that ended since it answered is started again; from here on the supervisor does that."""
        for tries_left in reversed(range(_OPEN_TRIES)):
            try:
                await connection.open()
            except EngineDown:
                if not tries_left:
                    raise
                await asyncio.to_thread(begin(self.settings).ready)
            else:
                return

    async def _bring_up_to_date(self, queue: Queue) -> None:
        """Migrate a state of an older version, and refuse a newer one; for our own version one look is enough."""
        versions = {await engine_version(queue), state_version(self.settings.home_path)}
        if versions != {STATE_VERSION}:
            from ezaigents.backup import migrate

            said: list[str] = []
            await migrate(self.settings, queue, say=said.append)
            self._migrated = tuple(said)

    async def _simulated_at(self) -> str:
        """Where the simulated models answer: a simulator of our own, or the one that the environment names."""
        if self.settings.models != "simulated":
            return ""
        from ezaigents.wiring.simulator import Simulator

        simulator = Simulator(self.settings, os.environ)
        self._leaving.push_async_callback(simulator.close)
        return await simulator.start()

    async def _keep_as_others(self, queue: Queue, team: Team) -> None:
        """Hosts that work already keep messages in one way, and so do we, whatever was chosen since."""
        others = living_hosts(self.settings.home_path)
        if not others.keys() - {self.settings.name}:
            return
        for seen in await queue.answered(team.registry.hosts):
            lives = others.get(seen.card.name) == seen.card.pid != os.getpid()
            if lives and seen.card.storage != team.storage:
                team.keep_as(seen.card.storage)
                self._kept = f"host {seen.card.name} keeps messages in the way {team.storage!r}, and so does this one"

    def _make_host(self, identity: str, connection: Connection, queue: Queue, team: Team, simulated_at: str) -> Host:
        settings, clock = self.settings, SystemClock()
        cache = make_cache(settings, clock)
        cards = providers_paused = halted = None
        if self._given_agents is None:
            self._models = models = Models(settings, queue, clock, os.environ, simulated_at=simulated_at)
            self._leaving.push_async_callback(models.close)
            self.notes = (*self._migrated, *filter(None, [self._kept]), *models.without_effect)
            declared = models.declared(_local_with(cache))
            self.cards = tuple(one.card for one in declared.values())
            agents = self._runtime.own(declared)
            cards, providers_paused, halted = partial(models.cards, agents), models.providers_paused, models.halted
        else:
            agents = self._given_agents
            _check_names(agents)
            self.cards = tuple(one.card for one in agents.values())
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
            started_in_ms=0,
            port=self._port,
            storage=team.storage,
        )
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
            cards=cards,
            providers_paused=providers_paused,
            halted=halted,
            switched=self._switched,
        )

    def _switched(self) -> None:
        """Exchange what a running host can exchange for what is chosen now."""
        if not (self.settings.home_path / CHOICES_FILE).exists():
            return
        from ezaigents.optimize import in_force

        try:
            settings = in_force(self.settings)
        except ConfigError as error:
            _log.warning("the switches stay as they are: %s", error)
            return
        former, self.settings = self.settings, settings
        if settings.delivery != former.delivery:
            delivery = _make_delivery(settings, self._connection, self._keys)
            self.host.take_delivery(delivery, pushed=settings.delivery == "push")
        if settings.heartbeat != former.heartbeat:
            self.host.take_heartbeat(settings)

    def _make_applier(self, queue: Queue, team: Team, place: str) -> Applier:
        from ezaigents.patches import Applier

        return Applier(queue, team.leases, self.settings, place)

    def _on_heard(self, channel: str, text: str) -> None:
        if hasattr(self, "host"):
            self.host.on_heard(channel, text)

    def _on_restored(self) -> None:
        if hasattr(self, "host"):  # else nothing of it can have been missed
            self.host.on_restored()

    def _supervise(self) -> None:
        if self.engine.kind != "embedded":
            return
        supervisor = Supervisor(self.settings, self.engine, self._on_restored)
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
