"""Reaching a fleet. Job: settings, a client for one question, a fleet for one job. Not its job: the questions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from ezaigents.cli.started import StartedHost, start_host
from ezaigents.cli.talk import say
from ezaigents.client import Client
from ezaigents.engine import find_orphan, living_hosts, stop_orphan
from ezaigents.errors import ConfigError, EngineDown, HostConflict, NotRunning
from ezaigents.settings import Settings, load_settings

_T = TypeVar("_T")
_OTHER_READY_S = 15.0
"""Somebody else is starting a fleet at this moment; theirs will do."""
_LOOK_S = 0.1


def settings_here(**flags: Any) -> Settings:
    """The settings of the folder we stand in. Raises ConfigError."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the current folder does not exist any more; go to another one") from None
    return load_settings(flags, cwd=here)


def ask_fleet(question: Callable[[Client], Awaitable[_T]], *, need_host: bool = False) -> _T:
    """Connect, have one question answered, and leave. Raises NotRunning, EngineDown, and what the question raises."""

    async def ask() -> _T:
        async with Client.connect(settings_here(), need_host=need_host) as client:
            return await question(client)

    return asyncio.run(ask())


class OwnFleet:
    """A fleet that was started for one job, and ends with it."""

    def __init__(self, settings: Settings, host: StartedHost) -> None:
        self._settings = settings
        self._host = host
        self.hurry = False
        """Whether running tasks are handed back at once instead of being waited for."""

    def stop(self) -> None:
        """Stop the host, and the engine if the host died without stopping it; says so."""
        limit_s = self._settings.grace_s + self._settings.lease_s + 10
        if not self._host.stop(limit_s, hurry=self.hurry):
            say(f"the fleet started for this job (process {self._host.pid}) is still stopping; see {self._host.log}")
            return
        if find_orphan(self._settings):
            stop_orphan(self._settings)
        say("the fleet started for this job is stopped")


@asynccontextmanager
async def fleet_for_job(settings: Settings) -> AsyncIterator[tuple[Client, OwnFleet | None]]:
    """A client of the living fleet, or of one that is started now and stopped on leaving."""
    async with AsyncExitStack() as leaving:
        own: OwnFleet | None = None
        others: set[int] = set()
        until = time.monotonic() + _OTHER_READY_S
        while True:
            try:
                client = await leaving.enter_async_context(Client.connect(settings))
                await _wait_until_whole(client, until)
                break
            except NotRunning:
                if time.monotonic() > until:
                    raise
            except EngineDown:  # it ended, or is started again, while we connected
                if settings.redis_url or time.monotonic() > until:
                    raise
            other = 0 if own else _another_host(settings)
            if own is None and not other:
                try:
                    own = _start(settings)
                    leaving.callback(own.stop)
                    until = time.monotonic() + _OTHER_READY_S
                    continue
                except HostConflict as conflict:
                    other = conflict.pid
            if other and other not in others:
                others.add(other)
                say(f"waiting for the fleet of process {other}, which is starting or stopping")
            await asyncio.sleep(_LOOK_S)
        yield client, own


async def _wait_until_whole(client: Client, until_s: float) -> None:
    """Hosts that live here and are not announced are starting or stopping: agents may be theirs."""
    home = client.settings.home_path
    while time.monotonic() < until_s:
        if set(living_hosts(home)) <= {card.name for card in await client.hosts()}:
            return
        await asyncio.sleep(_LOOK_S)


def _another_host(settings: Settings) -> int:
    """The process of a host that lives here, 0 for none."""
    return next(iter(living_hosts(settings.home_path).values()), 0)


def _start(settings: Settings) -> OwnFleet:
    """Start a fleet for a job. Raises HostConflict when somebody else is starting one at this moment."""
    host = start_host(settings, lifeline=True)
    say(f"no fleet was running: started one for this job in {host.report.started_in_s:.2f} s (process {host.pid})")
    return OwnFleet(settings, host)
