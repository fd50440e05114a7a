"""How long an import from the old system takes, and whether its memory is flat.

A redis-server holds entries as the old command line wrote them (paths of 120 bytes, prompts of 200, every one another),
and a fleet with simulated models whose agents are paused takes them. `ez legacy import --yes` runs as a user runs it,
in a process of its own, every write fsynced: 10,000 entries into one data folder, 100,000 into another, then once more,
when all of them are known. Memory is the most the process ever held. At the end the engine has accepted as many tasks,
and `ez fsck` finds nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.fleet import filesystem_of, running_fleet, temporary_settings
from bench.line import result
from bench.old_server import fill, old_server
from ezaigents.client import Client
from ezaigents.engine import Address
from ezaigents.queue.fsck import check
from ezaigents.scorecard import fsync_ms
from ezaigents.settings import Settings

_ENTRIES = int(os.environ.get("BENCH_LEGACY_ENTRIES", "100000"))
Figures = dict[str, object]


def run() -> Figures:
    """A tenth, and all."""
    few, many = _measure(_ENTRIES // 10), _measure(_ENTRIES)
    return result("legacy_import", tenth=few, whole=many)


def _measure(count: int) -> Figures:
    with (
        tempfile.TemporaryDirectory(prefix="ez-bench-old-", dir="/var/tmp") as folder,
        old_server(Path(folder)) as old,
        temporary_settings(workspace=folder) as settings,
    ):
        fill(old, "queue:gpt-4o", count)
        up = [sys.executable, "-m", "ezaigents", "up", "--no-dashboard", "--sim"]
        with running_fleet(settings, up):
            asyncio.run(_pause(settings))
            looked = _import(settings, old)
            first = _import(settings, old, "--yes")
            again = _import(settings, old, "--yes")
            accepted = asyncio.run(_accepted(settings))
            disk = {"filesystem": filesystem_of(settings.home_path), "fsync_ms": fsync_ms(settings.home_path)}
    assert (first["handed_in"], again["handed_in"], accepted) == (count, 0, count)
    return {"entries": count, "looked": looked, "imported": first, "again": again, **disk}


def _import(settings: Settings, old: Address, *more: str) -> Figures:
    """Run the command; how long, how much memory, what it says."""
    command = [sys.executable, "-m", "ezaigents", "legacy", "import", "--from", str(old), "--json", *more]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("EZ_")}
    environ |= {"EZ_HOME": settings.home, "EZ_WORKSPACE": settings.workspace}
    began_s = time.monotonic()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    with process.stdout as out:
        report = json.loads(out.read())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    took_s = time.monotonic() - began_s
    return {
        "seconds": round(took_s, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "most_rss_bytes": usage.ru_maxrss * 1024,
        "tasks": report["tasks"],
        "handed_in": report["handed_in"],
    }


async def _pause(settings: Settings) -> None:
    async with Client.connect(settings) as client:
        await client.queue.pause(["*"])


async def _accepted(settings: Settings) -> int:
    async with Client.connect(settings) as client:
        report = await check(client.queue)
        assert report.ok, report.broken()
        return (await client.queue.counts())["accepted"]


if __name__ == "__main__":
    from bench.line import show

    show(run())
