"""What a fleet costs while nothing happens: memory, processor time, commands and bytes, engine included.

Memory is read a whole window (60 s) after the start, and again 15 s after one run of the local analyst over these
sources. Commands are counted by the engine, those inside scripts too; what the measuring itself asks is taken off.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time

import msgspec

from bench.fleet import cpu_s, engine_connection, engine_pid, family, info, memory_of, running_fleet, temporary_settings
from bench.line import ROOT, result
from ezaigents.engine import BlockingConnection

_WINDOW_S = float(os.environ.get("BENCH_IDLE_S", "60"))
_SETTLE_S = 2.0
_AFTER_RUN_S = 15.0
_NET = ("total_net_input_bytes", "total_net_output_bytes")


class Traffic(msgspec.Struct, frozen=True):
    """Commands that the engine carried out, and bytes that it read and wrote."""

    commands: int
    network_bytes: int

    def __sub__(self, other: Traffic) -> Traffic:
        return Traffic(self.commands - other.commands, self.network_bytes - other.network_bytes)


class Window(msgspec.Struct, frozen=True):
    """What happened in `window_s` seconds, without what the measuring itself did. `calls`: by command."""

    window_s: float
    cpu_s: float
    traffic: Traffic
    calls: dict[str, int]


def quiet_window(connection: BlockingConnection, pids: list[int], window_s: float) -> Window:
    """Watch for `window_s` seconds. `pids`: the processes whose processor time counts."""
    own = _own_traffic(connection)
    calls_before = _calls(connection)
    first = _traffic(connection)
    began_s, began_cpu_s = time.monotonic(), cpu_s(pids)
    time.sleep(window_s)
    used_cpu_s, took_s = cpu_s(pids) - began_cpu_s, time.monotonic() - began_s
    last = _traffic(connection)
    calls = {name: count - calls_before.get(name, 0) for name, count in _calls(connection).items()}
    del calls["info"]
    return Window(took_s, used_cpu_s, last - first - own, {name: count for name, count in calls.items() if count})


def _traffic(connection: BlockingConnection) -> Traffic:
    stats = info(connection, "stats")
    return Traffic(int(stats["total_commands_processed"]), sum(int(stats[name]) for name in _NET))


def _own_traffic(connection: BlockingConnection) -> Traffic:
    """What one look at the statistics adds to them: the least seen between two looks at once, of ten."""
    looks = [_traffic(connection) for _ in range(11)]
    steps = [late - early for early, late in itertools.pairwise(looks)]
    return min(steps, key=lambda step: step.network_bytes)


def _calls(connection: BlockingConnection) -> dict[str, int]:
    stats = info(connection, "commandstats")
    return {name.removeprefix("cmdstat_"): int(text.split("=")[1].split(",")[0]) for name, text in stats.items()}


def run() -> dict[str, object]:
    """Measure one fleet with all its agents, before and after an analyst run."""
    with temporary_settings() as settings, running_fleet(settings) as process:
        time.sleep(_SETTLE_S)
        pids = family(process.pid, settings)
        with engine_connection(settings) as connection:
            window = quiet_window(connection, pids, _WINDOW_S)
        memory = memory_of(family(process.pid, settings))
        host, engine = memory_of([process.pid]), memory_of([engine_pid(settings)])
        ez = [sys.executable, "-m", "ezaigents", "run", "--agent", "local", "hot spots", str(ROOT / "src")]
        subprocess.run(ez, env=os.environ | {"EZ_HOME": settings.home}, check=True, capture_output=True, cwd=ROOT)
        time.sleep(min(_WINDOW_S, _AFTER_RUN_S))
        after = memory_of(family(process.pid, settings))
    return result(
        "idle",
        n=1,
        window_s=round(window.window_s, 1),
        rss_mb=round(memory.rss_bytes / 1e6, 1),
        pss_mb=round(memory.pss_bytes / 1e6, 1),
        rss_mb_by_process={"host": round(host.rss_bytes / 1e6, 1), "engine": round(engine.rss_bytes / 1e6, 1)},
        processes=memory.processes,
        rss_after_run_mb=round(after.rss_bytes / 1e6, 1),
        pss_after_run_mb=round(after.pss_bytes / 1e6, 1),
        processes_after_run=after.processes,
        cpu_s_per_min=round(window.cpu_s * 60 / window.window_s, 4),
        commands_per_s=round(window.traffic.commands / window.window_s, 3),
        commands_by_name=window.calls,
        mb_per_hour=round(window.traffic.network_bytes * 3600 / window.window_s / 1e6, 4),
    )
