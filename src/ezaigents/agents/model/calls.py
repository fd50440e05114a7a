"""Model calls that belong to no task. Job: who may answer, who pays, how many at once. Not its job: what is asked.

An agent lends its routes, and what stands behind them: keys, breakers, budgets. It adds no prompt, no tools and no
slot of its own. A call that is broken off is settled as one of a task would be: in full once it was sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from ezaigents.agents.catalog import model_card
from ezaigents.agents.definition import Definition
from ezaigents.agents.model.limits import limits_for
from ezaigents.agents.model.metering import CallMeter
from ezaigents.agents.model.services import Services
from ezaigents.clock import Clock
from ezaigents.errors import AgentUnavailable, EngineDown, InputError, RetryLater
from ezaigents.ids import IdMaker
from ezaigents.providers import Reply, Request, Route, Try
from ezaigents.records import EVERYTHING, AgentCard
from ezaigents.settings import Settings

_log = logging.getLogger(__name__)
CALLS_MOST = 64
"""On their way at once: each holds its whole request, and its answer."""
_ENGINE_S = 10.0
_CLOSE_S = 10.0


class Called(msgspec.Struct, frozen=True):
    """A whole answer, and what it cost, tries that failed among it."""

    reply: Reply
    cost_microusd: int


class TooManyCalls(RetryLater):
    """As many calls as may be are on their way."""


class CallEnded(RetryLater):
    """The call was ended from here before its answer was whole."""


class ModelCalls:
    """`services`: what agents with models share, made when it is first asked for. `why_not`: why an agent cannot work.

    `paused`: the names of those who are paused now.
    """

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        services: Callable[[], Services],
        *,
        why_not: Callable[[Definition], str],
        paused: Callable[[], Awaitable[frozenset[str]]],
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._definitions = definitions
        self._services = services
        self._why_not = why_not
        self._paused = paused
        self._settings = settings
        self._make_id = IdMaker(clock)
        self._running: set[asyncio.Task[Called]] = set()
        self._why_ended = ""

    def cards(self) -> tuple[AgentCard, ...]:
        """The agents that can be asked, as they are now."""
        simulated = self._settings.models == "simulated"
        return tuple(model_card(one, self._why_not(one), simulated=simulated) for one in self._definitions.values())

    async def call(
        self,
        agent: str,
        request: Request,
        *,
        on_text: Callable[[str], None] | None = None,
        on_restart: Callable[[], None] | None = None,
    ) -> Called:
        """Have the first route of an agent that can answer. `on_text`, `on_restart`: as `Caller.call` takes them.

        `max_output_tokens` 0 and `effort` "" = as the agent has them.
        Raises InputError, AgentUnavailable, LimitReached, TooManyCalls, CallEnded, what `Caller.call` raises, and what
        the two that listen raise.
        """
        definition = self._definitions.get(agent)
        if definition is None:
            raise InputError("model", f"no agent {agent!r} asks models here")
        if len(self._running) >= CALLS_MOST:
            raise TooManyCalls(f"{CALLS_MOST} calls are on their way already; try again in a moment")
        calling = asyncio.ensure_future(self._call(definition, request, on_text, on_restart))
        self._running.add(calling)
        calling.add_done_callback(self._ended)
        try:
            return await _of(calling)
        except asyncio.CancelledError:
            if calling.cancelled() and self._why_ended and not _is_cancelled():
                raise CallEnded(self._why_ended) from None
            raise

    async def _call(
        self,
        definition: Definition,
        request: Request,
        on_text: Callable[[str], None] | None,
        on_restart: Callable[[], None] | None,
    ) -> Called:
        await self._check_able(definition)
        services = self._services()
        most = limits_for(definition, self._settings).microusd
        call_id = self._make_id()
        meter = CallMeter.of_call(services, call_id, definition.name, most, self._settings)
        asked = msgspec.structs.replace(
            request,
            max_output_tokens=request.max_output_tokens or definition.max_output_tokens,
            effort=request.effort or definition.effort,
            tag=f"{call_id}.0",
        )
        chain = [Route.parse(route) for route in definition.chain]
        reply = await services.caller.call(
            chain, asked, meter, on_text=on_text, on_restart=on_restart, on_try=partial(_note_failure, call_id)
        )
        return Called(reply, meter.spent)

    async def _check_able(self, definition: Definition) -> None:
        """Raise AgentUnavailable where an operator, or a missing key, keeps it from answering."""
        try:
            async with asyncio.timeout(_ENGINE_S):
                paused = await self._paused()
        except TimeoutError:
            raise EngineDown("the engine does not answer, so nobody knows what may be spent; try again") from None
        if definition.name in paused:
            raise AgentUnavailable(definition.name, f"paused; `ez resume {definition.name}` lets it go on")
        if EVERYTHING in paused:
            raise AgentUnavailable(definition.name, "everything is paused; `ez resume` lets it go on")
        if why := self._why_not(definition):
            raise AgentUnavailable(definition.name, why)

    def _ended(self, calling: asyncio.Task[Called]) -> None:
        self._running.discard(calling)
        if not calling.cancelled():
            calling.exception()  # looked at: whoever waited for it may have left

    def end_all(self, why: str) -> None:
        """Break off every call that is on its way; whoever waits for one is told `why`."""
        self._why_ended = why
        for calling in self._running:
            calling.cancel()

    async def close(self) -> None:
        """End all calls, and see what was held for them settled; what takes long is left to its time."""
        self.end_all("this host is stopping; ask again when it is back")
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_CLOSE_S)
            if late:
                _log.warning("%d calls to models could not be settled; what was held for them ends as spent", len(late))


def _note_failure(call_id: str, one: Try) -> None:
    """No journal keeps it: the host's log does."""
    if one.outcome not in ("ok", "cancelled"):
        _log.warning("call %s: %s: %s: %s", call_id, one.route, one.outcome, one.message)


async def _of(calling: asyncio.Task[Called]) -> Called:
    """What comes of a call; whoever is cancelled has it cancelled, and waits for its end."""
    try:
        await asyncio.wait({calling})
    finally:
        if not calling.done():
            calling.cancel()
            await asyncio.wait({calling})
    return calling.result()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
