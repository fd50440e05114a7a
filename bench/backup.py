"""A backup of many waiting tasks while a fleet runs: how long it takes, and how long anybody waits meanwhile.

One fleet whose agents are paused holds the tasks. Two connections ask all the time, one `PING`, one submits a task and
waits until it is fsynced; first without a backup, then while `ez backup` runs in a process of its own, several times.
The stall is the longest that one of them waited. The last backup is restored into another folder, and checked.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import msgspec

from bench.disk_probe import probing
from bench.fleet import filesystem_of, running_fleet, temporary_settings
from bench.line import percentile, result
from ezaigents.clock import SystemClock
from ezaigents.engine import Connection, begin, find_living
from ezaigents.home import home_id
from ezaigents.ids import IdMaker
from ezaigents.queue import Keys, Queue
from ezaigents.queue.fsck import check
from ezaigents.records import Run, TaskKind, TaskSpec
from ezaigents.settings import Settings

_TASKS = int(os.environ.get("BENCH_BACKUP_TASKS", "1000000"))
_ROUNDS = int(os.environ.get("BENCH_BACKUP_ROUNDS", "3"))
_FOLDERS = min(20_000, _TASKS // 10)
"""So many tasks have a folder with a journal, besides."""
_BATCH = 5_000
_QUIET_S = 10.0
_PAUSE_S = 0.002
_EZ = (sys.executable, "-m", "ezaigents")
Figures = dict[str, object]
_make_id = IdMaker(SystemClock())


def run() -> Figures:
    """Fill, back up while asking, restore, check."""
    with temporary_settings(queue_max_open=2 * _TASKS + 10_000_000, engine_max_bytes=2**32) as settings:
        up = [*_EZ, "up", "--no-dashboard"]
        with running_fleet(settings, up):
            filesystem = filesystem_of(settings.home_path)
            figures = asyncio.run(_measure(settings))
        with tempfile.TemporaryDirectory(prefix="ez-bench-back-", dir="/var/tmp") as folder:
            figures["restore"] = _restored(settings, Path(folder))
    return result("backup", n=_TASKS, folders=_FOLDERS, filesystem=filesystem, **figures)


async def _measure(settings: Settings) -> Figures:
    engine = find_living(settings)
    assert engine is not None
    async with Connection(engine.address) as pinging, Connection(engine.address) as submitting:
        queue = Queue(submitting, Keys(home_id(settings.home_path)))
        await queue.pause(["*"])
        await _fill(queue, settings.home_path)
        with probing(settings.home_path) as probe:
            quiet = await _asked(pinging, queue, asyncio.sleep(_QUIET_S))
        quiet["fsync_ms"] = probe.figures()
        rounds = []
        for _ in range(_ROUNDS):
            (settings.home_path / "b.tar").unlink(missing_ok=True)
            rounds.append(await _asked(pinging, queue, _back_up(settings)))
        await queue.close()
    return {
        "quiet": quiet,
        "rounds": rounds,
        "took_s": {"median": median(float(str(one["took_s"])) for one in rounds)},
        "worst_stall_ms": max(float(str(one[name])) for one in rounds for name in ("ping_max_ms", "submit_max_ms")),
    }


async def _fill(queue: Queue, home: Path) -> None:
    for start in range(0, _TASKS, _BATCH):
        run = Run(id=_make_id(), prompt="p" * 1000, agent="null", kind=TaskKind.ANALYZE, workspace="/w", place="p")
        await queue.submit(_specs(run, min(_BATCH, _TASKS - start)), run=run, max_open=10**9)
    for number in range(_FOLDERS):
        folder = home / "tasks" / _make_id() / "1"
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").write_bytes(b"%d\n" % number * 300)


def _specs(run: Run, number: int) -> list[TaskSpec]:
    path = "src/" + "package/" * 13 + "module.py"
    return [
        TaskSpec(id=_make_id(), run=run.id, agent="null", place="p", kind=TaskKind.ANALYZE, title=path, payload=path)
        for _ in range(number)
    ]


async def _asked(pinging: Connection, queue: Queue, work: Awaitable[Figures | None]) -> Figures:
    """How long questions waited while `work` went on."""
    pings, submits = list[float](), list[float]()
    run = Run(id=_make_id(), prompt="p", agent="null", kind=TaskKind.ANALYZE, workspace="/w", place="p")

    async def ping() -> None:
        await pinging.call("PING")

    async def submit() -> None:
        await queue.submit(_specs(run, 1), run=run, max_open=10**9)

    asking = [asyncio.create_task(_ask(ping, pings)), asyncio.create_task(_ask(submit, submits))]
    figures = await work
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    return {
        **(figures or {}),
        "ping_max_ms": round(max(pings), 2),
        "ping_p99_ms": round(percentile(pings, 99), 2),
        "submit_max_ms": round(max(submits), 2),
        "submit_p99_ms": round(percentile(submits, 99), 2),
        "questions": len(pings) + len(submits),
    }


async def _ask(once: Callable[[], Awaitable[None]], waits: list[float]) -> None:
    while True:
        began_s = time.perf_counter()
        await once()
        waits.append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(_PAUSE_S)


async def _back_up(settings: Settings) -> Figures:
    began_s = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *_EZ, "backup", str(settings.home_path / "b.tar"), "--json",
        env=_environ(settings.home_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    said, _ = await process.communicate()
    made = json.loads(said)
    return {
        "took_s": round(time.perf_counter() - began_s, 2),
        "size_mb": round(made["size_bytes"] / 1e6, 1),
        "engine_mb": round(made["engine_bytes"] / 1e6, 1),
        "members": made["members"],
    }


def _environ(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EZ_")}
    return kept | {"EZ_HOME": str(home), "EZ_ENGINE_MAX_BYTES": str(2**32)}


def _restored(settings: Settings, folder: Path) -> Figures:
    home, began_s = folder / "home", time.perf_counter()
    subprocess.run(
        [*_EZ, "restore", str(settings.home_path / "b.tar")],
        env=_environ(home), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    took_s = time.perf_counter() - began_s

    async def look() -> Figures:
        engine = begin(msgspec.structs.replace(settings, home=str(home))).ready()
        try:
            async with Connection(engine.address, timeout_s=120) as connection:
                queue = Queue(connection, Keys(home_id(home)))
                counts, report = await queue.counts(), await check(queue)
                await queue.close()
        finally:
            engine.leave()
        return {"took_s": round(took_s, 2), "tasks": counts["ready"], "fsck_clean": report.ok}

    return asyncio.run(look())
