"""The agents with models of one host, and what they share. Job: settings and keys to cards and services.

What a card needs is made with the host: the catalogue and where keys are. The rest, the HTTP client above all, is made
at the first task. Not its job: any part's work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ezaigents.agents import Agent, AgentFactory, Declared
from ezaigents.agents.catalog import declared_agents, model_card
from ezaigents.agents.definition import Definition
from ezaigents.agents.roster import load_roster
from ezaigents.clock import Clock
from ezaigents.endings import in_thread
from ezaigents.errors import ConfigError, EzError, InputError
from ezaigents.providers import Caller, Route, make_caller
from ezaigents.queue import Queue
from ezaigents.records import PROVIDER, AgentCard, AgentState
from ezaigents.settings import Settings
from ezaigents.trust import Trust

if TYPE_CHECKING:
    from ezaigents.agents.model.calls import ModelCalls
    from ezaigents.agents.model.services import Services
    from ezaigents.audit import AuditLog, AuditRecord
    from ezaigents.budget import Budget

_log = logging.getLogger(__name__)
_DAY_MS = 86_400_000
_CLOSE_S = 5.0


class Models:
    """`environ`: where keys and base addresses may stand. `simulated_at`: the simulator's address, "" = none."""

    def __init__(
        self, settings: Settings, queue: Queue, clock: Clock, environ: Mapping[str, str], *, simulated_at: str = ""
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._clock = clock
        self._roster = load_roster(settings, Trust(settings.config_path).is_trusted)
        for fault in self._roster.without_effect():
            _log.warning("an agent file has no effect: %s", fault)
        self._simulated = settings.models == "simulated"
        self._services: Services | None = None
        self._calls: ModelCalls | None = None
        self._tidied_day = 0
        self._tidying: asyncio.Task[None] | None = None
        self._why_none = ""
        self._paused: frozenset[str] = frozenset()
        self._caller: Caller | None = None
        try:
            self._caller = make_caller(settings, environ, simulated_at=simulated_at)
        except ConfigError as error:
            self._why_none = str(error)  # the analyst needs no provider, and goes on

    @property
    def without_effect(self) -> tuple[str, ...]:
        """Agent files that have no effect, and why."""
        return tuple(self._roster.without_effect())

    def declared(self, local: AgentFactory) -> dict[str, Declared]:
        """Every agent of this host, by name."""
        agents = declared_agents(
            local,
            self._roster.definitions.values(),
            why_not=self._why_not,
            factory=self._factory,
            simulated=self._simulated,
        )
        for name, fault in self._roster.faults.items():
            agents.setdefault(name, Declared(AgentCard(name=name, state=AgentState.UNAVAILABLE, reason=fault), None))
        return agents

    def cards(self, agents: Mapping[str, Declared]) -> tuple[AgentCard, ...]:
        """The cards of these agents as they are now: keys come and go."""
        definitions = self._roster.definitions
        return tuple(
            model_card(definitions[name], self._why_not(definitions[name]), simulated=self._simulated)
            if name in definitions
            else agent.card
            for name, agent in agents.items()
        )

    def providers_paused(self, names: frozenset[str]) -> None:
        """Ask no model of these providers, and those of all others again."""
        if self._caller is None:
            return
        before, self._paused = self._paused, names
        for name in sorted(names ^ before):
            try:
                (self._caller.pause if name in names else self._caller.resume)(name)
            except InputError:
                _log.warning("no provider is called %r; nothing is paused by that", name)

    def calls(self) -> ModelCalls:
        """Calls to models that belong to no task; made when they are first asked for."""
        if self._calls is None:
            from ezaigents.agents.model.calls import ModelCalls

            self._calls = ModelCalls(
                self._roster.definitions,
                self.services,
                why_not=self._why_not,
                paused=self._paused_now,
                settings=self._settings,
                clock=self._clock,
            )
        return self._calls

    def halted(self) -> None:
        """An operator stopped all work: that of no task too."""
        if self._calls is not None:
            self._calls.end_all("an operator stopped all work; `ez resume` lets it go on")

    async def _paused_now(self) -> frozenset[str]:
        """Who is paused, fresh from the engine: nobody who asks for one call waits for a sweep."""
        names = frozenset(await self._queue.paused())
        self.providers_paused(frozenset(name.removeprefix(PROVIDER) for name in names if name.startswith(PROVIDER)))
        return names

    async def close(self) -> None:
        """Let go of connections to providers, and of holds that are being given back; what takes long is left."""
        if self._calls is not None:
            await self._calls.close()
        if self._tidying is not None:
            await asyncio.wait([self._tidying], timeout=_CLOSE_S)
        if self._services is not None:
            await _within(self._services.budget.close())
        if self._caller is not None:
            await _within(self._caller.close())

    def _why_not(self, definition: Definition) -> str:
        """Why no route of an agent can answer; "" when one can."""
        if self._caller is None:
            return self._why_none
        reasons = [self._caller.why_not(Route.parse(route)) for route in definition.chain]
        return "" if "" in reasons else reasons[0]

    def _factory(self, definition: Definition) -> AgentFactory:
        def make(settings: Settings) -> Agent:
            from ezaigents.agents.model.agent import ModelAgent

            return ModelAgent(definition, self.services)

        return make

    def services(self) -> Services:
        """What all agents with models share; made when it is first asked for. Raises ConfigError."""
        if self._services is None:
            self._services = self._make_services()
        today = self._clock.wall_ms() // _DAY_MS
        if today != self._tidied_day:
            self._tidied_day = today
            self._tidying = asyncio.ensure_future(_tidy(self._services.budget))
        return self._services

    def _make_services(self) -> Services:
        from ezaigents.agents.model.services import Services
        from ezaigents.audit import AuditLog
        from ezaigents.budget import Budget, InputRatio, Prices
        from ezaigents.wiring.workshop import Workshops

        if self._caller is None:
            raise ConfigError(self._why_none)
        settings, caller = self._settings, self._caller
        workshops = Workshops(settings)
        return Services(
            caller=caller,
            budget=Budget(self._queue, settings.home_path),
            prices=Prices.load(settings),
            ratio=InputRatio(),
            audit=_Auditing(AuditLog(settings.home_path, settings.name)),
            clock=self._clock,
            window=caller.window,
            open_workshop=workshops.open,
            dirty=workshops.dirty,
        )


async def _within(work: Coroutine[Any, Any, None]) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await work
    except (TimeoutError, EzError, OSError) as error:
        _log.warning("not everything of the models could be let go of: %s", error or "it took too long")


async def _tidy(budget: Budget) -> None:
    """Once a day: move what is over to the ledger. What cannot be moved now is moved another day."""
    try:
        await budget.close_days()
    except (EzError, OSError) as error:
        _log.warning("budgets of days that are over stay in the engine: %s", error)


class _Auditing:
    """The audit log, written in a thread."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    async def note(self, record: AuditRecord, *, sync: bool = False) -> None:
        await in_thread(partial(self._log.append, record, sync=sync))
