"""The old queues a bridge takes from. Job: their keys, and what goes with each; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ezaigents.legacy.names import AGENTS, LEVELS, TODO_AGENT, TODOS, Part, agent_of

PREFIX = "queue:"
"""With this begin all of them."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One list. `processing`: where its entries show while they are worked on."""

    key: str
    processing: str
    lane: str
    part: Part
    agent: str
    level: str = ""


def sources_of(more: Mapping[str, str]) -> dict[str, Source]:
    """Every list that is taken from, by its key: of each queue first those with a priority, then the plain one."""
    found = []
    for lane in dict.fromkeys((*AGENTS, *more)):
        agent = agent_of(lane, (), more)
        processing = f"processing:{lane}"
        found += [
            Source(
                key=f"queue:{lane}:p:{level}",
                processing=processing,
                lane=lane,
                part=Part.LEVEL,
                agent=agent,
                level=level,
            )
            for level in LEVELS
        ]
        found.append(Source(key=f"queue:{lane}", processing=processing, lane=lane, part=Part.QUEUE, agent=agent))
    agent = more.get(TODOS, TODO_AGENT)
    found.append(
        Source(key="queue:todos", processing="queue:todos:processing", lane=TODOS, part=Part.TODOS, agent=agent)
    )
    return {source.key: source for source in found}


def pauses_of(sources: Iterable[Source]) -> dict[str, tuple[str, ...]]:
    """The keys by which the old system's operator pauses, and the queues that each of them stops."""
    lanes = tuple(dict.fromkeys(source.lane for source in sources))
    return {"queue:emergency_stop": lanes, **{f"queue:{lane}:paused": (lane,) for lane in lanes}}
