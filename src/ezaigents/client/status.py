"""The figures of `ez status`. Job: their shape, which is a promise to users, and where each comes from."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ezaigents.records import AgentCard, AgentState, TaskState


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """An agent: `state` is ready, paused, or `unavailable: why`; `busy` of `slots` tasks are running."""

    name: str
    state: str
    slots: int
    busy: int


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


def agent_row(card: AgentCard, busy: int) -> AgentRow:
    """A card and its running tasks as a row."""
    state = card.state.value
    if card.state is not AgentState.READY and card.reason:
        state = f"{state}: {card.reason}"
    return AgentRow(name=card.name, state=state, slots=card.slots, busy=busy)


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
