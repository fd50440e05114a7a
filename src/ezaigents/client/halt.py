"""The kill switch. Job: pause everything, have hosts hand back their tasks, kill those that do not. In under 2 s.

Nothing is lost by it: a task that was handed back has spent no attempt, and one whose host was killed is taken back
by the next host, as after any crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Collection, Sequence

import msgspec

from ezaigents.client.company import Member, is_here
from ezaigents.engine import living_hosts
from ezaigents.queue import Queue
from ezaigents.records import EVERYTHING, TaskState
from ezaigents.settings import Settings

_LET_GO_S = 1.2
"""What a host has for handing its tasks back; what is left of the 2 s is for killing it and seeing it gone."""
_GONE_S = 0.5
_LOOK_S = 0.02
_BACK = (TaskState.READY, TaskState.DELAYED)


class Halted(msgspec.Struct, frozen=True, kw_only=True):
    """What was stopped. `killed`: hosts that had to be, and are gone.

    `left`: tasks that run all the same, on another machine or on a host that could not be killed. `orphaned`: tasks
    whose host was dead before; nothing of them runs.
    """

    took_s: float
    handed_back: int
    killed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    orphaned: tuple[str, ...] = ()


async def stop_all(queue: Queue, settings: Settings, members: Sequence[Member]) -> Halted:
    """Stop all work now. Raises EngineDown when the pause could not be written: nothing was stopped then."""
    began_s = time.monotonic()
    await queue.pause([EVERYTHING])
    before = await _running(queue)
    for member in members:
        await queue.put("PUBLISH", queue.keys.control(member.seen.card.name), "halt")
    stubborn = await _until_none_runs(queue, began_s + _LET_GO_S)
    handed_back = await _handed_back(queue, before)
    killed = await _kill(settings, set(stubborn.values())) if stubborn else ()
    living = await _living(settings, members)
    # Read again: what ran elsewhere may have ended while others were being killed.
    still = await _running(queue) if stubborn else {}
    return Halted(
        took_s=round(time.monotonic() - began_s, 3),
        handed_back=handed_back,
        killed=killed,
        left=tuple(one for one, owner in still.items() if owner in living),
        orphaned=tuple(one for one, owner in still.items() if owner not in living and owner not in killed),
    )


async def _running(queue: Queue) -> dict[str, str]:
    """Running tasks, and the host of each."""
    ids = [task_id.decode() for task_id in await queue.read("ZRANGE", queue.keys.leased(), 0, -1)]
    return {task.id: task.owner for task in await queue.tasks(ids) if task.state is TaskState.LEASED}


async def _until_none_runs(queue: Queue, until_s: float) -> dict[str, str]:
    # A second at most, in the operator's own process: shorter to read than to wait for the events.
    while (left := await _running(queue)) and time.monotonic() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_S)
    return left


async def _handed_back(queue: Queue, before: Collection[str]) -> int:
    """How many of these wait again; others may have come to their end in the meantime."""
    return sum(task.state in _BACK for task in await queue.tasks(list(before)))


async def _kill(settings: Settings, owners: Collection[str]) -> tuple[str, ...]:
    """kill -9 those of these hosts that live on this data folder; returns those that are gone."""
    here = await asyncio.to_thread(living_hosts, settings.home_path)
    stubborn = {name: pid for name, pid in here.items() if pid and name in owners}
    for pid in stubborn.values():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    until_s = time.monotonic() + _GONE_S
    while left := stubborn.keys() & (await asyncio.to_thread(living_hosts, settings.home_path)).keys():
        if time.monotonic() > until_s:
            break
        await asyncio.sleep(_LOOK_S)
    return tuple(sorted(stubborn.keys() - left))


async def _living(settings: Settings, members: Sequence[Member]) -> set[str]:
    """Hosts that live: those of this data folder by their locks now, others by when they were last seen."""
    others = {member.seen.card.name for member in members if member.lives and not is_here(member.seen.card, settings)}
    return others | set(await asyncio.to_thread(living_hosts, settings.home_path))
