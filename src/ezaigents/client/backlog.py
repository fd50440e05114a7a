"""What waits, and what has died. Job: lanes with their depth and age, dead tasks by reason. Not its job: what to do.

A reason is the error of a task without what differs from one task to the next (ids, numbers).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from ezaigents.client.listing import Sought, list_page
from ezaigents.client.problems import waiting_since_ms
from ezaigents.records import Task, TaskState

if TYPE_CHECKING:
    from ezaigents.client.client import Client

_DEAD_MOST = 1000
"""Dead tasks that are sorted by reason, the newest first."""
_REASON_MOST = 200
_VARIES = re.compile(r"\b[0-9a-hjkmnp-tv-z]{18}\b|\d+(?:[.,]\d+)*")


class LaneRow(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks that wait for one agent. `oldest_ms`: since when the one that waits longest does, `oldest` being its id.

    `free`: slots of living hosts that serve it and are not busy. `quarantine`: tasks that ended their hosts before,
    which go one at a time.
    """

    agent: str
    place: str
    waiting: int
    oldest: str
    oldest_ms: int
    free: int
    served: bool
    paused: bool
    quarantine: bool


class DeadReason(msgspec.Struct, frozen=True, kw_only=True):
    """Dead tasks that died of the same. `ids`: theirs, the newest first; `agents`: whose they were."""

    reason: str
    ids: list[str]
    agents: list[str]


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """`queue`: tasks by state. `now_ms`: the engine's time. `dead`: of the newest 1,000; `dead_cut`: there are more."""

    now_ms: int
    queue: dict[str, int]
    lanes: list[LaneRow]
    dead: list[DeadReason]
    dead_cut: bool


async def backlog_of(client: Client) -> Backlog:
    """Look at everything that waits or has died. Raises EngineDown."""
    facts = await client.operator.facts()
    page = await list_page(client.queue, Sought(states=frozenset({TaskState.DEAD})), most=_DEAD_MOST)
    counts = await client.queue.counts()
    lanes = [
        LaneRow(
            agent=lane.agent,
            place=lane.place,
            waiting=lane.waiting,
            oldest=lane.oldest.id if lane.oldest else "",
            oldest_ms=waiting_since_ms(lane.oldest) if lane.oldest else 0,
            free=lane.free,
            served=lane.served,
            paused=facts.is_paused(lane.agent),
            quarantine=lane.quarantine,
        )
        for lane in facts.lanes
    ]
    return Backlog(
        now_ms=facts.now_ms,
        queue={state.value: counts[state.value] for state in TaskState},
        lanes=sorted(lanes, key=lambda lane: lane.oldest_ms),
        dead=by_reason(page.tasks),
        dead_cut=bool(page.next),
    )


def by_reason(tasks: Sequence[Task]) -> list[DeadReason]:
    """Dead tasks by what they died of, the most frequent first."""
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(_reason(task.error), []).append(task)
    rows = [
        DeadReason(
            reason=group[0].error[:_REASON_MOST] or "no reason was given",
            ids=[task.id for task in group],
            agents=sorted({task.agent for task in group}),
        )
        for group in groups.values()
    ]
    return sorted(rows, key=lambda row: -len(row.ids))


def _reason(error: str) -> str:
    return _VARIES.sub("#", error[:_REASON_MOST])
