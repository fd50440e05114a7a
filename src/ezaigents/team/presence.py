"""What a host's card, its health and its last sign of life mean to others. Job: pure decisions. Not its job: asking.

Nothing here is stored: who is busy is read from the leases, who is paused from the engine, and who is gone from when
it was last seen, both times by the engine's clock.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from enum import StrEnum

import msgspec

from ezaigents.records import AgentCard, AgentState, Health, HostCard

GONE_AFTER_S = 60.0
"""Two signs of life: one may get lost, or come late."""


class Seen(msgspec.Struct, frozen=True):
    """A host as last heard of, and the moment it was looked up (ms by the engine's clock)."""

    card: HostCard
    health: Health
    last_seen_ms: int
    now_ms: int


class State(StrEnum):
    """How a host or an agent is. A host is never busy or paused."""

    HEALTHY = "healthy"
    BUSY = "busy"
    DEGRADED = "degraded"
    PAUSED = "paused"
    GONE = "gone"


class Presence(msgspec.Struct, frozen=True):
    """A state and, when it is degraded or gone, why."""

    state: State
    why: str = ""

    def __str__(self) -> str:
        return f"{self.state.value}: {self.why}" if self.why else self.state.value


def presence(seen: Seen, gone_after_s: float = GONE_AFTER_S) -> Presence:
    """How a host is."""
    silent_s = (seen.now_ms - seen.last_seen_ms) / 1000
    if silent_s > gone_after_s:
        return Presence(State.GONE, f"last seen {silent_s:.0f} s ago")
    return Presence(State.DEGRADED, seen.health.host) if seen.health.host else Presence(State.HEALTHY)


def agent_presence(
    seen: Seen, agent: str, *, busy: int, paused: Container[str], gone_after_s: float = GONE_AFTER_S
) -> Presence:
    """How an agent of a host is. `busy`: tasks it runs there. `paused`: names, `*` = all of them (`Queue.paused`).

    An operator's word comes before what ails it, and that before its work. Whether it can work at all is in its card.
    """
    host = presence(seen, gone_after_s)
    if host.state is State.GONE:
        return host
    if agent in paused or "*" in paused:
        return Presence(State.PAUSED)
    if why := seen.health.agents.get(agent, ""):
        return Presence(State.DEGRADED, why)
    return Presence(State.BUSY if busy else State.HEALTHY)


def by_capability(hosts: Iterable[Seen], capability: str) -> list[AgentCard]:
    """The agents that say they can do this, on hosts that are not gone, by name.

    Of one that several hosts have, a card that is ready is preferred: the others' may say why they are not.
    """
    found: dict[str, AgentCard] = {}
    for seen in hosts:
        if presence(seen).state is not State.GONE:
            for card in seen.card.agents:
                if capability in card.capabilities and not _ready(found.get(card.name)):
                    found[card.name] = card
    return [found[name] for name in sorted(found)]


def _ready(card: AgentCard | None) -> bool:
    return card is not None and card.state is AgentState.READY
