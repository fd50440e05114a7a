"""What the bridge adds: from before the LPUSH of an old producer to the task in the queue here, every write fsynced.

A fleet with simulated models whose agents are paused, and `ez legacy bridge` as a user runs it. One entry at a time:
the clock stops when the engine's stream of events says that the task is ready. Beside it the same with the client's own
submit, in turn; the difference is what the way over the old server and the bridge takes. Then entries that were queued
at once, until the last is handed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.fleet import engine_connection, filesystem_of, running_fleet, temporary_settings
from bench.line import percentile, result
from bench.old_server import entry, fill, old_server
from bench.queue_rates import run_record, specs
from ezaigents.client import Client
from ezaigents.engine import Address, BlockingConnection
from ezaigents.scorecard import fsync_ms
from ezaigents.settings import Settings

_TASKS = int(os.environ.get("BENCH_LEGACY_TASKS", "500"))
_AT_ONCE = 10_000
_WARM_UPS = 20
_LISTS = ("queue:gpt-4o", "queue:gpt-4o:p:high")
Figures = dict[str, object]


def run() -> Figures:
    """One fleet, one bridge: plain list, list of a priority, submit, in turn; then many at once."""
    with (
        tempfile.TemporaryDirectory(prefix="ez-bench-old-", dir="/var/tmp") as folder,
        old_server(Path(folder)) as old,
        temporary_settings(workspace=folder) as settings,
    ):
        up = [sys.executable, "-m", "ezaigents", "up", "--no-dashboard", "--sim"]
        with running_fleet(settings, up), _bridge(settings, old):
            waits = asyncio.run(_waits(settings, old))
            rate = asyncio.run(_rate(settings, old))
            disk = {"filesystem": filesystem_of(settings.home_path), "fsync_ms": fsync_ms(settings.home_path)}
    plain, level, submit = (_percentiles(waits[name]) for name in (*_LISTS, "submit"))
    added = {name: round(plain[name] - submit[name], 3) for name in plain}
    return result(
        "legacy_bridge",
        tasks=_TASKS,
        plain_ms=plain,
        priority_ms=level,
        submit_ms=submit,
        added_ms=added,
        **rate,
        **disk,
    )


@contextlib.contextmanager
def _bridge(settings: Settings, old: Address) -> Iterator[None]:
    command = [sys.executable, "-m", "ezaigents", "legacy", "bridge", "--from", str(old)]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("EZ_")}
    environ |= {"EZ_HOME": settings.home, "EZ_WORKSPACE": settings.workspace}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    with process.stderr as stderr:
        said = stderr.readline()
        assert b"taking tasks" in said, said
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


async def _waits(settings: Settings, old: Address) -> dict[str, list[float]]:
    """Seconds for each way, one task at a time."""
    found: dict[str, list[float]] = {name: [] for name in (*_LISTS, "submit")}
    async with Client.connect(settings) as client:
        await client.queue.pause(["*"])
        with engine_connection(settings) as engine, BlockingConnection(old) as producer:
            for number in range(_TASKS + _WARM_UPS):
                for way, waits in found.items():
                    key, since = client.queue.keys.events(), await client.last_event()
                    began_s = time.monotonic()
                    if way == "submit":
                        record = run_record(settings)
                        await client.queue.submit(specs(settings, record.id, 1, agent="gpt"), run=record)
                    else:
                        producer.call("LPUSH", way, entry(number))
                    assert engine.call("XREAD", "BLOCK", 4000, "COUNT", 1, "STREAMS", key, since), way
                    if number >= _WARM_UPS:
                        waits.append(time.monotonic() - began_s)
    return found


async def _rate(settings: Settings, old: Address) -> Figures:
    """Tasks a second from a full list."""
    async with Client.connect(settings) as client:
        before = (await client.queue.counts())["accepted"]
        began_s = time.monotonic()
        await asyncio.to_thread(fill, old, "queue:gpt-4o", _AT_ONCE, first=1_000_000)
        while (await client.queue.counts())["accepted"] < before + _AT_ONCE:
            await asyncio.sleep(0.02)
        return {"at_once": _AT_ONCE, "tasks_per_s": round(_AT_ONCE / (time.monotonic() - began_s))}


def _percentiles(times_s: list[float]) -> dict[str, float]:
    return {f"p{percent}": round(percentile(times_s, percent) * 1000, 3) for percent in (50, 95, 99)}


if __name__ == "__main__":
    from bench.line import show

    show(run())
