"""The fleet as planning sees it. Job: look once for many jobs: who is there, what models cost, what tasks have cost.

Not its job: judging a job by it (planning). Who keeps one (`Lookout`) sees the fleet as it was up to a second ago: what
changes meanwhile meets a task that is in the queue as much as one that is about to be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ezaigents.client.status import AgentPresence
from ezaigents.records import HostCard, TaskState

if TYPE_CHECKING:
    from ezaigents.budget import Prices
    from ezaigents.client.client import Client

_HISTORY = 500
"""So many of the tasks that ended last are looked at for what such a job cost."""
_KEPT_S = 1.0
_COSTS_KEPT_S = 5.0
"""What tasks have cost is a forecast's basis: it moves slowly, and is the dearest look of all."""
Costs = Mapping[tuple[str, str], Sequence[int]]


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """`hosts`: those that live, at least one. `costs`: what real models took for done tasks, by agent and kind."""

    hosts: tuple[HostCard, ...]
    agents: tuple[AgentPresence, ...]
    prices: Prices
    costs: Costs


async def look_out(client: Client) -> Outlook:
    """Look at all of it now. Raises NotRunning, EngineDown, ConfigError."""
    from ezaigents.budget import Prices

    hosts, agents = await client.company()
    prices = await asyncio.to_thread(Prices.load, client.settings)
    costs = await _past_costs(client) if any(agent.models for agent in agents) else {}
    return Outlook(hosts=hosts, agents=agents, prices=prices, costs=costs)


async def _past_costs(client: Client) -> Costs:
    found: dict[tuple[str, str], list[int]] = {}
    for task in await client.last_ended(_HISTORY):
        if task.state is TaskState.DONE and task.calls and not task.simulated:
            found.setdefault((task.agent, task.kind.value), []).append(task.cost_microusd)
    return {alike: sorted(costs) for alike, costs in found.items()}


class Lookout:
    """One for each site: its looks serve all who ask within a second; those who ask at once share one look.

    `now_s`: a clock that only rises.
    """

    def __init__(self, client: Client, now_s: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._now_s = now_s
        self._prices: Prices | None = None
        self._costs: Costs = {}
        self._costs_until_s = 0.0
        self._seen: Outlook | None = None
        self._until_s = 0.0
        self._looking: asyncio.Task[Outlook] | None = None

    async def look(self) -> Outlook:
        """The fleet as it was within the last second. Raises as `look_out` does."""
        now_s = self._now_s()
        if self._seen is not None and now_s < self._until_s:
            return self._seen
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(now_s))
            self._looking.add_done_callback(self._looked)
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        """Give up a look under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self, now_s: float) -> Outlook:
        from ezaigents.budget import Prices

        hosts, agents = await self._client.company()
        if self._prices is None:
            self._prices = await asyncio.to_thread(Prices.load, self._client.settings)
        if any(agent.models and not agent.simulated for agent in agents) and now_s >= self._costs_until_s:
            self._costs = await _past_costs(self._client)
            self._costs_until_s = now_s + _COSTS_KEPT_S
        self._seen = Outlook(hosts=hosts, agents=agents, prices=self._prices, costs=self._costs)
        self._until_s = now_s + _KEPT_S
        return self._seen

    def _looked(self, looking: asyncio.Task[Outlook]) -> None:
        self._looking = None
        if not looking.cancelled():
            looking.exception()  # those who asked have it
