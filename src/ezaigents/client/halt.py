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

import msgspec

from ezaigents.engine import living_hosts
from ezaigents.queue import Queue
from ezaigents.records import HostCard
from ezaigents.settings import Settings

_LET_GO_S = 1.2
"""What a host has for handing its tasks back; what is left of the 2 s is for killing it and seeing it gone."""
_GONE_S = 0.5
_LOOK_S = 0.02
ALL = "*"


class Halted(msgspec.Struct, frozen=True, kw_only=True):
    """What was stopped. `killed`: hosts that had to be; `left`: tasks that run on other machines all the same."""

    took_s: float
    handed_back: int
    killed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


async def stop_all(queue: Queue, settings: Settings, hosts: list[HostCard]) -> Halted:
    """Stop all work now. Raises EngineDown when the pause could not be written: nothing was stopped then."""
    began_s = time.monotonic()
    await queue.pause([ALL])
    before = await _running(queue)
    for host in hosts:
        await queue.put("PUBLISH", queue.keys.control(host.name), "halt")
    left = await _until_none_runs(queue, began_s + _LET_GO_S)
    killed = await _kill(queue, settings, left) if left else ()
    still = [task_id for task_id, owner in left.items() if owner not in killed]
    return Halted(
        took_s=round(time.monotonic() - began_s, 3),
        handed_back=len(before) - len(left),
        killed=killed,
        left=tuple(still),
    )


async def _running(queue: Queue) -> dict[str, str]:
    """Running tasks, and the host of each."""
    ids = [task_id.decode() for task_id in await queue.read("ZRANGE", queue.keys.leased(), 0, -1)]
    return {task.id: task.owner for task in await queue.tasks(ids) if task.state == "leased"}


async def _until_none_runs(queue: Queue, until_s: float) -> dict[str, str]:
    # A second at most, in the operator's own process: shorter to read than to wait for the events.
    while (left := await _running(queue)) and time.monotonic() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_S)
    return left


async def _kill(queue: Queue, settings: Settings, left: dict[str, str]) -> tuple[str, ...]:
    """kill -9 the hosts of this data folder that still hold tasks; returns those that are gone."""
    here = await asyncio.to_thread(living_hosts, settings.home_path)
    stubborn = {name: pid for name, pid in here.items() if pid and name in set(left.values())}
    for pid in stubborn.values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until_s = time.monotonic() + _GONE_S
    while stubborn.keys() & (await asyncio.to_thread(living_hosts, settings.home_path)).keys():
        if time.monotonic() > until_s:
            break
        await asyncio.sleep(_LOOK_S)
    return tuple(sorted(stubborn))
