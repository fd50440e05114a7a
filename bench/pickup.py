"""How long a task waits for an idle fleet: from before its submit, and from its acknowledgement, to its agent's start.

One task at a time, with pauses, submitter and fleet in processes of their own, by the monotonic clock they share;
every write fsynced. Twice: on the engine's socket, and with 1 ms of delay each way between the engine and everyone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from bench.delay_proxy import delayed
from bench.fleet import filesystem_of, running_fleet, temporary_settings
from bench.line import percentile, result
from bench.queue_rates import run_record, specs
from ezaigents.client import Client
from ezaigents.engine import BlockingConnection, begin, parse_url
from ezaigents.scorecard import fsync_ms
from ezaigents.settings import Settings

_TASKS = int(os.environ.get("BENCH_PICKUPS", "1000"))
_DELAY_MS = 1.0
_PINGS = 100


@contextlib.contextmanager
def _far_engine(settings: Settings, delay_ms: float) -> Iterator[Settings]:
    """Settings that reach the embedded engine through a proxy; it lives as long as this."""
    handle = begin(settings).ready()
    try:
        with delayed(Path(handle.address.path), delay_ms) as socket:
            login = f"{handle.address.user}:{quote(handle.address.password)}"
            yield msgspec.structs.replace(settings, redis_url=f"unix://{login}@{socket}")
    finally:
        handle.leave()


def _round_trip_ms(settings: Settings) -> float:
    """The median time of a PING on the way that the settings name; in ms."""
    with BlockingConnection(parse_url(settings.redis_url)) as connection:
        times = []
        for _ in range(_PINGS):
            began_s = time.perf_counter()
            connection.call("PING")
            times.append(time.perf_counter() - began_s)
    return percentile(times, 50) * 1000


async def _waits(settings: Settings) -> tuple[list[float], list[float]]:
    sent_waits, acknowledged_waits = [], []
    luck = random.Random(1)
    async with Client.connect(settings, need_host=False) as client:
        for _ in range(_TASKS):
            run = run_record(settings)
            tasks = specs(settings, run.id, 1, payload="time")
            sent_s = time.monotonic()
            await client.queue.submit(tasks, run=run)
            acknowledged_s = time.monotonic()
            # Looking after it at once would compete with what is measured.
            await asyncio.sleep(luck.uniform(0.008, 0.015))
            while (task := await client.queue.task(tasks[0].id)).state != "done":
                await asyncio.sleep(0.005)
            sent_waits.append(float(task.summary) - sent_s)
            acknowledged_waits.append(max(0.0, float(task.summary) - acknowledged_s))
    return sent_waits, acknowledged_waits


def _percentiles(times_s: list[float]) -> dict[str, float]:
    return {f"p{percent}": round(percentile(times_s, percent) * 1000, 3) for percent in (50, 95, 99)}


def _measure(settings: Settings) -> dict[str, object]:
    with running_fleet(settings, [sys.executable, "-m", "bench.null_fleet"]):
        sent, acknowledged = asyncio.run(_waits(settings))
    return {"from_submit_ms": _percentiles(sent), "from_acknowledged_ms": _percentiles(acknowledged)}


def run() -> dict[str, object]:
    """1,000 tasks without, and 1,000 with the delay."""
    with temporary_settings() as settings:
        near = {"delay_ms_each_way": 0.0, **_measure(settings)}
        with _far_engine(settings, _DELAY_MS) as far_settings:
            trip_ms = round(_round_trip_ms(far_settings), 3)
            far = {"delay_ms_each_way": _DELAY_MS, "round_trip_ms_measured": trip_ms, **_measure(far_settings)}
        fsync = fsync_ms(settings.home_path)
        filesystem = filesystem_of(settings.home_path)
    return result("pickup", n=_TASKS, fsync_ms_median=round(fsync, 3), filesystem=filesystem, runs=[near, far])
