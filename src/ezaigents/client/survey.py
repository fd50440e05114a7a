"""Reading the facts behind `ez problems`. Job: ask the engine once, in few calls. Not its job: judging (problems)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ezaigents.client.company import Member, look_round
from ezaigents.client.problems import Facts, LaneFacts, waiting_since_ms
from ezaigents.client.status import Memory
from ezaigents.queue import Queue
from ezaigents.records import AgentState, PatchState, Task
from ezaigents.settings import Settings
from ezaigents.team import Team

_PATCHES_MOST = 20_000
"""Ended tasks whose patch is looked at, the newest first; a busy fleet has no more within the hour they are kept."""
_DELAYED_MOST = 20_000
"""Delayed tasks looked at for a question, those due first: an answer is due within days."""
_HELD_BACK_MOST = 100
_BATCH = 1000
_LANE_ENDS = 200
"""So many tasks at each end of a lane are looked at: the urgent ones, and those that urgent ones may keep back."""
_UNSETTLED = frozenset({PatchState.CONFLICT, PatchState.APPLYING})


async def survey(queue: Queue, team: Team, settings: Settings, *, memory: Memory, durability: str) -> Facts:
    """Read everything. Raises EngineDown."""
    hosts, paused, counts = await asyncio.gather(look_round(queue, team, settings), queue.paused(), queue.counts())
    now_ms = await _engine_ms(queue)
    running = await _tasks_in(queue, queue.keys.leased())
    touched_by = await team.radar.files([task.id for task in running])
    lanes = [name.decode() for name in await queue.read("SMEMBERS", queue.keys.waiting())]
    delayed = await _delayed(queue)
    agents = sorted({card.name for member in hosts for card in member.seen.card.agents})
    return Facts(
        now_ms=now_ms,
        stuck_ms=round(settings.stuck_s * 1000),
        hosts=tuple(hosts),
        paused=paused,
        running=tuple(running),
        progress_ms={one: touched.progress_ms for one, touched in touched_by.items()},
        waiting=tuple(await team.leases.waiting()),
        lanes=tuple([await _lane(queue, lane, hosts, running) for lane in sorted(lanes)]),
        patches=tuple(await _unsettled(queue)),
        asking=tuple(one for one in delayed if one.waits_for_answer),
        held_back=tuple(one for one in delayed if not one.waits_for_answer),
        dead=counts["dead"],
        unread=await team.messages.counts(agents) if agents else {},
        mailbox_most=settings.mailbox_most,
        message_ttl_s=settings.message_ttl_s,
        used_bytes=memory.used_bytes,
        most_bytes=memory.most_bytes,
        durability=durability,
    )


async def _engine_ms(queue: Queue) -> int:
    seconds, micros = await queue.read("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def _tasks_in(queue: Queue, index: str) -> list[Task]:
    ids = [task_id.decode() for task_id in await queue.read("ZRANGE", index, 0, -1)]
    return await queue.tasks(ids)


async def _lane(queue: Queue, lane: str, hosts: Sequence[Member], running: Sequence[Task]) -> LaneFacts:
    agent, _, place = lane.rstrip("!").rpartition("@")
    ready = queue.keys.ready(lane)
    size, first, last = await queue.read_many(
        [("ZCARD", ready), ("ZRANGE", ready, 0, _LANE_ENDS - 1), ("ZRANGE", ready, -_LANE_ENDS, -1)]
    )
    seen = await queue.tasks([task_id.decode() for task_id in dict.fromkeys([*first, *last])])
    slots = _slots(agent, place, hosts)
    busy = sum(task.agent == agent for task in running)
    return LaneFacts(
        agent=agent,
        place=place,
        quarantine=lane.endswith("!"),
        waiting=size,
        oldest=min(seen, key=lambda task: (waiting_since_ms(task), task.seq), default=None),
        served=slots > 0,
        free=max(0, slots - busy),
    )


def _slots(agent: str, place: str, hosts: Sequence[Member]) -> int:
    """Slots for this agent on hosts that live and serve the place."""
    return sum(
        card.slots
        for member in hosts
        if member.lives and place in member.seen.card.places
        for card in member.seen.card.agents
        if card.name == agent and card.state is AgentState.READY
    )


async def _unsettled(queue: Queue) -> list[Task]:
    """Tasks whose patch is in conflict, or is being applied."""
    ended = await queue.read("ZRANGE", queue.keys.ended(), -_PATCHES_MOST, -1)
    open_ids = await queue.read("ZRANGE", queue.keys.dead(), -_PATCHES_MOST, -1)
    states = await _fields(queue, "patch_state", [task_id.decode() for task_id in (*ended, *open_ids)])
    return await queue.tasks([one for one, state in states.items() if state in _UNSETTLED])


async def _delayed(queue: Queue) -> list[Task]:
    """Tasks that wait for a person, or to be tried again because something failed."""
    delayed = await queue.read("ZRANGE", queue.keys.delayed(), 0, _DELAYED_MOST - 1)
    ids = [task_id.decode() for task_id in delayed]
    questions, errors = await _fields(queue, "asks_id", ids), await _fields(queue, "error", ids)
    return await queue.tasks(list(dict.fromkeys((*questions, *list(errors)[:_HELD_BACK_MOST]))))


async def _fields(queue: Queue, name: str, ids: Sequence[str]) -> dict[str, str]:
    """One field of many tasks; those that have none are left out."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), _BATCH):
        part = ids[start : start + _BATCH]
        values: list[Any] = await queue.read_many([("HGET", queue.keys.task(one), name) for one in part])
        found |= {one: value.decode() for one, value in zip(part, values, strict=True) if value}
    return found
