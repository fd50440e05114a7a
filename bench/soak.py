"""Is memory flat? 100,000 empty tasks through one host in ten rounds, memory after each; slope by least squares.

Ended tasks are kept for 2 s only, so that what is measured is the host and the engine, not the retention. The
engine's memory is given twice: what it uses by its own count, and its resident set, which also holds what its
allocator keeps.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from bench.fleet import engine_connection, engine_pid, family, info, memory_of, running_fleet, temporary_settings
from bench.line import result
from bench.queue_rates import run_record, specs
from ezaigents.client import Client
from ezaigents.settings import Settings

_ROUNDS = 10
_WARM_UPS = 2
_TASKS = int(os.environ.get("BENCH_TASKS", "100000"))
_KEEP_S = 2.0


async def _round(settings: Settings, count: int) -> None:
    async with Client.connect(settings, need_host=False) as client:
        run = run_record(settings)
        await client.queue.submit(specs(settings, run.id, count), run=run)
        while True:
            counts = await client.queue.counts()
            if counts["purged"] == counts["accepted"]:
                return
            await asyncio.sleep(0.1)


def _slope(values: list[int]) -> float:
    """Growth per round, by least squares."""
    mean_x, mean_y = (len(values) - 1) / 2, sum(values) / len(values)
    above = sum((x - mean_x) * (y - mean_y) for x, y in enumerate(values))
    return above / sum((x - mean_x) ** 2 for x in range(len(values)))


def _series(name: str, values: list[int]) -> dict[str, object]:
    """The samples in MB, and how much they grow in 100,000 tasks."""
    tasks = _TASKS // _ROUNDS
    return {
        f"{name}_mb": [round(value / 1e6, 2) for value in values],
        f"{name}_slope_mb_per_100k": round(_slope(values) / tasks * 100_000 / 1e6, 3),
    }


def run() -> dict[str, object]:
    """Two warm-up rounds, then ten measured ones."""
    host, engine, used = [], [], []
    with (
        temporary_settings(ended_keep_s=_KEEP_S, sweep_s=0.5) as settings,
        running_fleet(settings, [sys.executable, "-m", "bench.null_fleet"]) as process,
        engine_connection(settings) as connection,
    ):
        for number in range(_ROUNDS + _WARM_UPS):
            asyncio.run(_round(settings, _TASKS // _ROUNDS))
            time.sleep(0.2)
            if number >= _WARM_UPS:
                host.append(memory_of([process.pid]).rss_bytes)
                engine.append(memory_of([engine_pid(settings)]).rss_bytes)
                used.append(int(info(connection, "memory")["used_memory"]))
        total = memory_of(family(process.pid, settings))
    return result(
        "soak",
        n=_TASKS,
        **_series("host_rss", host),
        **_series("engine_rss", engine),
        **_series("engine_used", used),
        fleet_rss_mb_after=round(total.rss_bytes / 1e6, 1),
        fleet_pss_mb_after=round(total.pss_bytes / 1e6, 1),
        processes=total.processes,
    )
