"""Is memory flat? 100,000 empty tasks through one host in ten rounds, memory after each; slope by least squares.

Ended tasks are kept for 2 s only, so that what is measured is the host and the engine, not the retention.
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


def run() -> dict[str, object]:
    """Two warm-up rounds, then ten measured ones."""
    host, engine = [], []
    with (
        temporary_settings(ended_keep_s=_KEEP_S, sweep_s=0.5) as settings,
        running_fleet(settings, [sys.executable, "-m", "bench.null_fleet"]) as process,
        engine_connection(settings) as connection,
    ):
        for number in range(_ROUNDS + 2):
            asyncio.run(_round(settings, _TASKS // _ROUNDS))
            time.sleep(0.2)
            if number >= 2:
                pids = [process.pid]
                host.append(memory_of(pids).rss_bytes)
                engine.append(int(info(connection, "memory")["used_memory"]))
        total = memory_of(family(process.pid, settings))
        engine_rss = memory_of([engine_pid(settings)]).rss_bytes
    return result(
        "soak",
        n=_TASKS,
        host_rss_mb=[round(value / 1e6, 2) for value in host],
        host_slope_mb_per_100k=round(_slope(host) * _ROUNDS / 1e6 * 100_000 / _TASKS, 3),
        engine_used_mb=[round(value / 1e6, 2) for value in engine],
        engine_slope_mb_per_100k=round(_slope(engine) * _ROUNDS / 1e6 * 100_000 / _TASKS, 3),
        engine_rss_mb_after=round(engine_rss / 1e6, 1),
        fleet_rss_mb_after=round(total.rss_bytes / 1e6, 1),
        fleet_pss_mb_after=round(total.pss_bytes / 1e6, 1),
        processes=total.processes,
    )
