"""What a fleet measures, for monitoring. Job: read it in few calls, however much work there is. Not its job: its form.

Nothing here looks at every task or budget: counters, the heads of lanes, and the scopes of today.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ezaigents.budget import SIMULATED, Budget, ScopeState
from ezaigents.client.problems import waiting_since_ms
from ezaigents.client.status import AgentPresence, Memory, Status, engine_memory
from ezaigents.queue import Queue
from ezaigents.records import HostCard

if TYPE_CHECKING:
    from ezaigents.client.client import Client

_RANK = 2**42
"""What one priority takes of the score in a lane, as the queue's scripts have it."""
_PRIORITIES = 10
_LANES_MOST = 200


class AgentSpending(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent spent on one UTC day, by the engine's clock."""

    agent: str
    day: str
    simulated: bool
    scope: ScopeState


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """`accepted`, `purged`: tasks since the engine's data began. `spent`, `spent_simulated`: likewise.

    `oldest_wait_s`: the longest wait of a ready task that is first in its lane and priority; 0 = none is ready.
    """

    status: Status
    agents: list[AgentPresence]
    hosts: list[HostCard]
    accepted: int
    purged: int
    oldest_wait_s: float
    memory: Memory
    spent: ScopeState
    spent_simulated: ScopeState
    by_agent: list[AgentSpending]


async def figures(client: Client) -> Figures:
    """Read everything. Raises EngineDown."""
    queue = client.queue
    hosts, agents, counts, memory = await asyncio.gather(
        client.hosts(), client.agents(), queue.counts(), engine_memory(queue)
    )
    now_s = await _engine_s(queue)
    day = datetime.fromtimestamp(now_s, UTC).date().isoformat()
    named = [(agent.name, simulated) for agent in agents for simulated in (False, True)]
    names = [f"{_before(simulated)}agent:{agent}:{day}" for agent, simulated in named]
    scopes = await Budget(queue, client.settings.home_path).scopes(["all", f"{SIMULATED}all", *names])
    spending = [
        AgentSpending(agent=agent, day=day, simulated=simulated, scope=scope)
        for (agent, simulated), scope in zip(named, scopes[2:], strict=True)
    ]
    return Figures(
        status=await client.status(agents),
        agents=agents,
        hosts=hosts,
        accepted=counts["accepted"],
        purged=counts["purged"],
        oldest_wait_s=await _oldest_wait_s(queue, now_s),
        memory=memory,
        spent=scopes[0],
        spent_simulated=scopes[1],
        by_agent=[one for one in spending if one.scope.calls or one.scope.spent],
    )


def _before(simulated: bool) -> str:
    return SIMULATED if simulated else ""


async def _oldest_wait_s(queue: Queue, now_s: float) -> float:
    lanes = [name.decode() for name in await queue.read("SMEMBERS", queue.keys.waiting())]
    heads: list[Any] = await queue.read_many(
        [
            (
                *("ZRANGEBYSCORE", queue.keys.ready(lane)),
                *(priority * _RANK, f"({(priority + 1) * _RANK}", "LIMIT", 0, 1),
            )
            for lane in sorted(lanes)[:_LANES_MOST]
            for priority in range(_PRIORITIES)
        ]
    )
    tasks = await queue.tasks([head.decode() for found in heads for head in found])
    since_ms = min((waiting_since_ms(task) for task in tasks), default=0)
    return max(0.0, now_s - since_ms / 1000) if since_ms else 0.0


async def _engine_s(queue: Queue) -> float:
    seconds, micros = await queue.read("TIME")
    return int(seconds) + int(micros) / 1_000_000
