"""One fleet, from its start to its end. Job: what is measured when; a sample, whole or with what went wrong.

The order is the same for every profile: start, idle, a tab, the workload, and what is left once it is done.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ezaigents.access import Access
from ezaigents.client import Client
from ezaigents.errors import EzError
from ezaigents.scorecard.fleet import RunningFleet, running
from ezaigents.scorecard.ground import Ground
from ezaigents.scorecard.processes import family, memory_of, parts_of
from ezaigents.scorecard.samples import PartMemory, Profile, Sample, Sizes, TabTraffic
from ezaigents.scorecard.storing import storage_of, used_bytes
from ezaigents.scorecard.tab import watch_tab
from ezaigents.scorecard.traffic import quiet_window
from ezaigents.scorecard.working import do_work

_CHILDREN_LEAVE_S = 12.0
_LOOK_S = 0.2
INTERRUPTED = "it was interrupted"
Tell = Callable[[str], None]
Keep = Callable[[Sample], None]


def measure(
    ground: Ground, number: int, profile: Profile, sizes: Sizes, agents: Sequence[str], tell: Tell, keep: Keep, *,
    tab: bool, only_start: bool = False,
) -> None:  # fmt: skip
    """Measure one fleet, and give its sample to `keep`: whole, or with what went wrong.

    An interruption passes through once what was measured so far is kept.
    """
    sample = Sample(profile=profile.name, number=number, load_1min=round(os.getloadavg()[0], 2))
    steps = () if only_start else (_idle, _tab, _work) if tab else (_idle, _work)
    try:
        tell("starting")
        with running(ground, number, profile) as fleet:
            sample = msgspec.structs.replace(sample, started_s=fleet.started_s)
            for step in steps:
                sample = step(sample, fleet, ground, sizes, agents, tell)
    except (EzError, OSError, ExceptionGroup, TimeoutError) as error:
        sample = msgspec.structs.replace(sample, error=_words(error))
    except KeyboardInterrupt:
        sample = msgspec.structs.replace(sample, error=INTERRUPTED)
        raise
    finally:
        keep(sample)


def _idle(
    sample: Sample, fleet: RunningFleet, ground: Ground, sizes: Sizes, agents: Sequence[str], tell: Tell
) -> Sample:
    tell("idle")
    time.sleep(sizes.settle_s)
    pids = family(fleet.pid, fleet.engine_pid)
    with fleet.connect() as connection:
        window = quiet_window(connection, pids, sizes.idle_s)
    return msgspec.structs.replace(sample, idle=window, idle_memory=_memory(fleet))


def _tab(
    sample: Sample, fleet: RunningFleet, ground: Ground, sizes: Sizes, agents: Sequence[str], tell: Tell
) -> Sample:
    tell("an open tab")
    tab = asyncio.run(_watched(fleet, sizes.tab_s))
    return msgspec.structs.replace(sample, tab=tab, visited_memory=_memory(fleet))


async def _watched(fleet: RunningFleet, window_s: float) -> TabTraffic:
    async with Client.connect(fleet.settings) as client:
        port = next(host.port for host in await client.hosts() if host.port)
    return await watch_tab(port, Access(fleet.settings.home_path).own_token(), window_s)


def _work(
    sample: Sample, fleet: RunningFleet, ground: Ground, sizes: Sizes, agents: Sequence[str], tell: Tell
) -> Sample:
    with fleet.connect() as connection:
        empty_bytes = used_bytes(connection)
    tell("working")
    done = asyncio.run(do_work(fleet, ground, agents, sizes))
    sample = msgspec.structs.replace(sample, kinds=done.kinds, pickups=done.pickups, work=done.work)
    tell("after the work")
    _wait_for_rest(fleet, sizes.message_ttl_s)
    with fleet.connect() as connection:
        storage = storage_of(connection, Path(fleet.settings.home), empty_bytes)
    return msgspec.structs.replace(sample, after_memory=_memory(fleet), storage=storage)


def _wait_for_rest(fleet: RunningFleet, message_ttl_s: float) -> None:
    """Until the analyst's children have left, as they do after three seconds without work; and a little more.

    By then the window of messages has passed in every fleet.
    """
    until = time.monotonic() + _CHILDREN_LEAVE_S
    least = time.monotonic() + message_ttl_s + 1
    while time.monotonic() < until:
        if time.monotonic() > least and not parts_of(fleet.pid, fleet.engine_pid).children:
            return
        time.sleep(_LOOK_S)


def _memory(fleet: RunningFleet) -> PartMemory:
    parts = parts_of(fleet.pid, fleet.engine_pid)
    return PartMemory(hosts=memory_of(parts.hosts), engine=memory_of(parts.engine), children=memory_of(parts.children))


def _words(error: BaseException) -> str:
    """What went wrong, in one line; of several things at once, the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
