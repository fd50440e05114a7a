"""Places in the list of tasks, and what stands behind one. Job: read the indices from a place on; cursors.

A place names its task and how that task is sorted, so it stays good when the task is gone. Not its job: filters, pages.
"""

from __future__ import annotations

import asyncio
import base64
import heapq
from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import islice

import msgspec

from ezaigents.codec import from_json, to_json
from ezaigents.engine import Reply
from ezaigents.errors import InputError
from ezaigents.ids import is_id
from ezaigents.queue import Queue
from ezaigents.records import TaskState

_LANES_AT_ONCE = 100
_REACH_LEAST = 100
"""At least so many entries of an index are read in one go, so that equal scores are passed in few."""

Entry = tuple[float, str]
"""Score and id: how an index is sorted."""


class Section(IntEnum):
    """The parts of the list, in order."""

    LEASED = 0
    READY = 1
    DELAYED = 2
    BLOCKED = 3
    ENDED = 4

    @classmethod
    def of(cls, state: TaskState) -> Section:
        """Where tasks of this state stand."""
        return cls.ENDED if state.terminal else cls[state.name]


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a task stands in the list. `lane`: only of a ready one. `score`: as in its index, 0 of a leased one."""

    section: Section
    lane: str
    score: float
    id: str


def cursor_of(place: Place) -> str:
    """A place as text that may stand in an address."""
    return base64.urlsafe_b64encode(to_json(place)).rstrip(b"=").decode()


def place_of(cursor: str) -> Place:
    """The place again. Raises InputError when `cursor_of` never gave this text."""
    try:
        place = from_json(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True), Place)
    except (ValueError, msgspec.MsgspecError):
        place = None
    if place is None or not is_id(place.id):
        raise InputError("cursor", f"{cursor[:80]!r} does not come from a page of this list; begin again without one")
    return place


async def next_places(
    queue: Queue, section: Section, after: Place | None, count: int, *, agent: str = "", ended: Sequence[str] = ()
) -> list[Place]:
    """Up to `count` places of a section behind `after`, None = from its beginning; at least one unless that was all.

    `agent`: of ready tasks only this agent's, "" = everyone's. `ended`: the indices of ended tasks to read.
    """
    if section is Section.LEASED:
        return await _leased(queue, after, count)
    if section is Section.READY:
        return await _ready(queue, after, count, agent)
    newest_first = section is Section.ENDED
    keys = {Section.DELAYED: [queue.keys.delayed()], Section.BLOCKED: [queue.keys.blocked()]}.get(section, ended)
    slices = await asyncio.gather(*[_slice(queue, key, after, count, newest_first=newest_first) for key in keys])
    entries = heapq.merge(*slices, reverse=newest_first)
    return _places(section, "", islice(entries, count))


async def _leased(queue: Queue, after: Place | None, count: int) -> list[Place]:
    """All are read: there are no more than the hosts have slots."""
    ids = [raw.decode() for raw in await queue.read("ZRANGE", queue.keys.leased(), 0, -1)]
    behind = [task_id for task_id in ids if after is None or task_id > after.id]
    return _places(Section.LEASED, "", [(0, task_id) for task_id in heapq.nsmallest(count, behind)])


async def _ready(queue: Queue, after: Place | None, count: int, agent: str) -> list[Place]:
    """The rest of the lane one stands in; then of as many lanes as it takes."""
    lanes = [raw.decode() for raw in await queue.read("SMEMBERS", queue.keys.waiting())]
    if agent:
        lanes = [lane for lane in lanes if lane.startswith(f"{agent}@")]
    places: list[Place] = []
    if after is not None:
        if after.lane in lanes:
            places = _places(Section.READY, after.lane, await _slice(queue, queue.keys.ready(after.lane), after, count))
        lanes = [lane for lane in lanes if lane > after.lane]
    lanes.sort()
    while lanes and len(places) < count:
        some = await _enough(queue, lanes[:_LANES_AT_ONCE], count - len(places))
        lanes = lanes[len(some) :]
        # Each is read as far as the page may go: one that has grown since must not be left before its end.
        commands = [("ZRANGE", queue.keys.ready(lane), 0, count - 1, "WITHSCORES") for lane in some]
        for lane, reply in zip(some, await queue.read_many(commands), strict=True):
            places += _places(Section.READY, lane, _entries(reply))
    return places[:count]


async def _enough(queue: Queue, lanes: Sequence[str], count: int) -> Sequence[str]:
    """As many of the lanes, from the first, as hold `count` tasks."""
    total = 0
    for number, size in enumerate(await queue.read_many([("ZCARD", queue.keys.ready(lane)) for lane in lanes]), 1):
        total += size
        if total >= count:
            return lanes[:number]
    return lanes


async def _slice(queue: Queue, key: str, after: Place | None, count: int, *, newest_first: bool = False) -> list[Entry]:
    """Up to `count` entries of an index behind `after`, in order; fewer when there are no more.

    They are read by position, because any number may have one score. Positions shift while others work, so that the
    entry before them is read with them: when it does not stand behind `after`, nothing was left out.
    """
    mark = (after.score, after.id) if after is not None else None
    start = 0 if after is None else await _position(queue, key, after, newest_first=newest_first)
    reach = count if after is None else max(count, _REACH_LEAST)
    order = ("REV",) if newest_first else ()
    while True:
        reply = await queue.read("ZRANGE", key, start, start + reach, *order, "WITHSCORES")
        entries = _entries(reply)
        behind = [one for one in entries if mark is None or (one < mark if newest_first else one > mark)]
        if start and len(behind) == len(entries):
            start = max(0, start - reach)
        elif len(behind) >= count or len(entries) <= reach:
            return behind[:count]
        else:
            start += len(entries) - len(behind) - 1


async def _position(queue: Queue, key: str, after: Place, *, newest_first: bool) -> int:
    """The position just before that of `after`, or a lower one when its task is gone and others have the same score."""
    score = repr(after.score)
    before = (f"({score}", "+inf") if newest_first else ("-inf", f"({score}")
    count, has, rank = await queue.read_many(
        [
            ("ZCOUNT", key, *before),
            ("ZSCORE", key, after.id),
            ("ZREVRANK" if newest_first else "ZRANK", key, after.id),
        ]
    )
    position: int = rank if has == after.score and rank is not None else count
    return max(0, position - 1)


def _entries(reply: Reply) -> list[Entry]:
    return [(score, raw.decode()) for raw, score in reply]


def _places(section: Section, lane: str, entries: Iterable[Entry]) -> list[Place]:
    return [Place(section, lane, score, task_id) for score, task_id in entries]
