"""What looking costs: processor time of `ez monitor` at its usual pace, and what it makes the engine do.

An idle fleet is watched for a minute on a terminal, in a pipe and as JSON lines, then with 100,000 waiting tasks that
no agent of it may take. Time counts from the first look on, without the program's start. The engine's share is what it
used while it was watched, less what it used in as long without.
"""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.fleet import cpu_s, engine_pid, memory_of, running_fleet, temporary_settings
from bench.line import result
from bench.queue_rates import run_record, specs
from ezaigents.client import Client
from ezaigents.settings import Settings

_WATCH_S = float(os.environ.get("BENCH_MONITOR_S", "60"))
_TASKS = int(os.environ.get("BENCH_TASKS", "100000"))
_SETTLE_S = 2.0


class _Watching:
    """A running `ez monitor`, whose output is read and thrown away."""

    def __init__(self, settings: Settings, *options: str, terminal: bool) -> None:
        environ = os.environ | {"EZ_HOME": settings.home, "TERM": "xterm", "COLUMNS": "120", "LINES": "60"}
        ours, theirs = pty.openpty() if terminal else os.pipe()
        command = [sys.executable, "-m", "ezaigents", "monitor", *options]
        self.process = subprocess.Popen(command, env=environ, stdout=theirs, stdin=subprocess.DEVNULL)
        os.close(theirs)
        self._output = ours
        self.read_for(_SETTLE_S)

    def read_for(self, for_s: float) -> None:
        """Read what comes for so long."""
        until = time.monotonic() + for_s
        while (left := until - time.monotonic()) > 0:
            if select.select([self._output], [], [], left)[0]:
                assert os.read(self._output, 65536), "the monitor has ended"

    def end(self) -> None:
        """Stop it."""
        self.process.kill()
        self.process.wait()
        os.close(self._output)


@contextmanager
def _watching(settings: Settings, *options: str, terminal: bool = False) -> Iterator[_Watching]:
    watching = _Watching(settings, *options, terminal=terminal)
    try:
        yield watching
    finally:
        watching.end()


def _cost(settings: Settings, *options: str, terminal: bool = False) -> dict[str, float]:
    """Percent of one processor, of the monitor and of the engine because of it, and the monitor's memory."""
    engine = [engine_pid(settings)]
    began = cpu_s(engine)
    time.sleep(_WATCH_S)
    alone = cpu_s(engine) - began
    with _watching(settings, *options, terminal=terminal) as watching:
        pids = [watching.process.pid]
        began_s, began, ours = time.monotonic(), cpu_s(engine), cpu_s(pids)
        watching.read_for(_WATCH_S)
        took_s = time.monotonic() - began_s
        used, engine_used = cpu_s(pids) - ours, cpu_s(engine) - began
        memory = memory_of(pids)
    return {
        "cpu_percent": round(100 * used / took_s, 3),
        "engine_percent": round(100 * (engine_used - alone) / took_s, 3),
        "rss_mb": round(memory.rss_bytes / 1e6, 1),
    }


async def _fill(settings: Settings) -> int:
    async with Client.connect(settings, need_host=False) as client:
        run = run_record(settings)
        await client.queue.submit(specs(settings, run.id, _TASKS, agent="nobody"), run=run)
        return int(await client.queue.read("DBSIZE"))


def run() -> dict[str, object]:
    """Watch an idle fleet in each form, then one with many keys."""
    with temporary_settings() as settings, running_fleet(settings):
        time.sleep(_SETTLE_S)
        idle = {
            "terminal": _cost(settings, terminal=True),
            "pipe": _cost(settings),
            "json": _cost(settings, "--json"),
        }
        keys = asyncio.run(_fill(settings))
        full = {"terminal": _cost(settings, terminal=True), "json": _cost(settings, "--json")}
    return result("monitor", n=1, window_s=_WATCH_S, interval_s=5, idle=idle, keys=keys, full=full)
