"""The figures of `ez status`. Job: their shape, which is a promise to users, and where each comes from."""

from __future__ import annotations

import math
from collections.abc import Container
from pathlib import Path

import msgspec

from ezaigents.client.company import Member
from ezaigents.queue import Queue
from ezaigents.records import AgentCard, AgentState, TaskState
from ezaigents.team import State, agent_presence


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """An agent: `state` is ready, paused, or `unavailable: why`; `busy` of `slots` tasks are running."""

    name: str
    state: str
    slots: int
    busy: int


class AgentPresence(AgentRow, frozen=True, kw_only=True):
    """The same, and how it is. `health`: healthy, busy, degraded, paused or gone; `why`: what ails it.

    `capabilities`: what it is good at. `kinds`: what it can be asked for, () = everything. `models`: the routes that
    may answer for it, () = it asks no model. `simulated`: a simulator answers in their place.
    """

    health: str
    why: str
    capabilities: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    simulated: bool = False

    def row(self) -> AgentRow:
        """What `ez status` says of it."""
        return AgentRow(name=self.name, state=self.state, slots=self.slots, busy=self.busy)


class EngineRow(msgspec.Struct, frozen=True, kw_only=True):
    """The engine. `durability`: the fsync policy in force: always, everysec, none, or unknown."""

    kind: str
    version: str
    durability: str
    used_memory_bytes: int


class HostRow(msgspec.Struct, frozen=True, kw_only=True):
    """A host process. `rss_bytes`: its resident memory now; 0 when it is on another machine."""

    name: str
    pid: int
    rss_bytes: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`ez status --json`, exactly."""

    ready: bool
    agents: list[AgentRow]
    queue: dict[str, int]
    engine: EngineRow
    host: HostRow
    started_in_s: float


def agent_row(card: AgentCard, member: Member, busy: int, paused: Container[str]) -> AgentPresence:
    """An agent of one host as a row."""
    state = card.state.value
    presence = member.presence
    if member.lives:  # whatever its silence says
        presence = agent_presence(member.seen, card.name, busy=busy, paused=paused, gone_after_s=math.inf)
    if not member.lives:
        state = f"{AgentState.UNAVAILABLE}: its host {member.seen.card.name} is gone"
    elif card.state is not AgentState.READY and card.reason:
        state = f"{state}: {card.reason}"
    elif presence.state is State.PAUSED:
        state = AgentState.PAUSED.value
    return AgentPresence(
        name=card.name,
        state=state,
        slots=card.slots,
        busy=busy,
        health=presence.state.value,
        why=presence.why,
        capabilities=card.capabilities,
        kinds=card.kinds,
        models=card.models,
        simulated=card.simulated,
    )


def card_row(card: AgentCard) -> AgentPresence:
    """An agent that nobody runs yet, by its card."""
    return AgentPresence(
        name=card.name,
        state=card.state.value,
        slots=card.slots,
        busy=0,
        health="",
        why=card.reason,
        capabilities=card.capabilities,
        kinds=card.kinds,
        models=card.models,
        simulated=card.simulated,
    )


def both_rows(first: AgentPresence, second: AgentPresence) -> AgentPresence:
    """One row for an agent that two hosts have: the host that is better off counts; if both can work, slots add up."""
    ranks = [_rank(row) for row in (first, second)]
    if ranks[0] == ranks[1]:
        return msgspec.structs.replace(second, slots=first.slots + second.slots)
    return first if ranks[0] < ranks[1] else second


def _rank(row: AgentPresence) -> int:
    """0 for one that can work, 1 for one that cannot, 2 for one whose host is gone."""
    if row.health == State.GONE.value:
        return 2
    return 0 if row.state in (AgentState.READY.value, AgentState.PAUSED.value) else 1


def queue_row(counts: dict[str, int]) -> dict[str, int]:
    """The eight states, each with its number."""
    return {state.value: counts[state.value] for state in TaskState}


def rss_of(pid: int) -> int:
    """Resident memory of a process of this machine, from /proc; 0 where that cannot be read."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


class Memory(msgspec.Struct, frozen=True):
    """What the engine holds and may hold, by its own word. `most_bytes` 0: it has no limit."""

    used_bytes: int
    most_bytes: int


async def engine_memory(queue: Queue) -> Memory:
    """Ask the engine itself: one that others run has a limit that our settings do not know. Raises EngineDown."""
    info: bytes = await queue.read("INFO", "memory")
    said = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    return Memory(int(said.get("used_memory", 0)), int(said.get("maxmemory", 0)))


async def used_memory(queue: Queue) -> int:
    """Bytes the engine holds, by its own count."""
    return (await engine_memory(queue)).used_bytes
