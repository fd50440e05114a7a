"""How fast empty tasks are accepted and drained, every write fsynced, and what they weigh in the engine.

100,000 tasks with paths of 120 bytes in one run with a prompt of 1 KB, submitted in batches of 100 by one process,
drained by a fleet in a process of its own. The drain is timed from the moment the fleet says that it is ready until
the engine has recorded the last end; its start is not in it.
`durable=False` is the same with appendfsync everysec, to show what durability costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator

import msgspec

from bench.fleet import (
    engine_connection,
    family,
    filesystem_of,
    info,
    memory_of,
    running_fleet,
    temporary_settings,
)
from bench.line import result
from ezaigents.client import Client
from ezaigents.clock import SystemClock
from ezaigents.engine import EngineHandle, HostLock, begin
from ezaigents.home import home_id
from ezaigents.ids import IdMaker
from ezaigents.queue.fsck import check
from ezaigents.records import Run, TaskKind, TaskSpec
from ezaigents.scorecard import fsync_ms
from ezaigents.settings import Settings
from ezaigents.workspace import place_id

_TASKS = int(os.environ.get("BENCH_TASKS", "100000"))


def specs(settings: Settings, run_id: str, count: int, *, agent: str = "null0", payload: str = "") -> list[TaskSpec]:
    """Tasks for the null agent, with paths of 120 bytes."""
    make_id = IdMaker(SystemClock())
    place = place_id(home_id(settings.home_path), settings.workspace)
    path = "src/" + "a" * 116
    return [
        TaskSpec(id=make_id(), run=run_id, agent=agent, place=place, title=path, payload=payload) for _ in range(count)
    ]


def run_record(settings: Settings) -> Run:
    """A run with a prompt of 1 KB."""
    return Run(
        id=IdMaker(SystemClock())(),
        prompt="p" * 1024,
        agent="null0",
        kind=TaskKind.ANALYZE,
        workspace=settings.workspace,
        place=place_id(home_id(settings.home_path), settings.workspace),
    )


async def _submit(settings: Settings, count: int) -> float:
    async with Client.connect(settings, need_host=False) as client:
        run = run_record(settings)
        tasks = specs(settings, run.id, count)
        began_s = time.perf_counter()
        await client.queue.submit(tasks, run=run)
        return count / (time.perf_counter() - began_s)


async def _drain(settings: Settings, engine_pid: int | None) -> tuple[float, int]:
    """Tasks per second, and the memory of the host and its children at the end, in bytes."""
    async with Client.connect(settings, need_host=False) as client:
        with running_fleet(settings, [sys.executable, "-m", "bench.null_fleet"]) as process:
            began_s = time.perf_counter()
            while (await client.queue.counts())["done"] < _TASKS:
                await asyncio.sleep(0.02)
            took_s = time.perf_counter() - began_s
            host = memory_of([pid for pid in family(process.pid, settings) if pid != engine_pid])
    return _TASKS / took_s, host.rss_bytes


async def _clean(settings: Settings) -> bool:
    async with Client.connect(settings, need_host=False) as client:
        report = await check(client.queue)
        return report.ok


@contextlib.contextmanager
def _kept_engine(settings: Settings) -> Iterator[EngineHandle]:
    """The embedded engine, kept by a host's lock: a fleet that ends would stop it when no other host is there."""
    keeper = msgspec.structs.replace(settings, name="bench")
    lock = HostLock(keeper)
    lock.acquire()
    handle = begin(keeper).ready()
    try:
        yield handle
    finally:
        handle.leave()
        lock.release()


def measure(*, durable: bool) -> dict[str, object]:
    """Submit all, then start the fleet and time the drain, then check that the queue is consistent."""
    with (
        temporary_settings(engine_fsync="always" if durable else "everysec") as settings,
        _kept_engine(settings) as handle,
        engine_connection(settings) as connection,
    ):
        empty = int(info(connection, "memory")["used_memory"])
        submitted = asyncio.run(_submit(settings, _TASKS))
        queued = int(info(connection, "memory")["used_memory"])
        persistence = info(connection, "persistence")
        drained, host_bytes = asyncio.run(_drain(settings, handle.pid))
        assert handle.pid is not None
        engine_bytes = memory_of([handle.pid]).rss_bytes
        ended = int(info(connection, "memory")["used_memory"])
        clean = asyncio.run(_clean(settings))
        fsync, filesystem = fsync_ms(settings.home_path), filesystem_of(settings.home_path)
    return {
        "durable": durable,
        "submit_per_s": round(submitted),
        "drain_per_s": round(drained),
        "bytes_per_queued_task": round((queued - empty) / _TASKS),
        "bytes_per_ended_task": round((ended - empty) / _TASKS),
        "aof_bytes_per_queued_task": round(int(persistence["aof_current_size"]) / _TASKS),
        "aof_rewrites_so_far": int(persistence["aof_rewrites"]),
        "host_rss_mb_after": round(host_bytes / 1e6, 1),
        "engine_rss_mb_after": round(engine_bytes / 1e6, 1),
        "fsck_clean": clean,
        "fsync_ms_median": round(fsync, 3),
        "filesystem": filesystem,
    }


def run() -> dict[str, object]:
    """Both durable and not."""
    return result("queue", n=_TASKS, runs=[measure(durable=True), measure(durable=False)])
