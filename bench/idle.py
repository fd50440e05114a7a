"""What a fleet costs while nothing happens: memory, processor time, commands and bytes, engine included.

Memory is read a whole window (60 s) after the start, and again 15 s after one run of the local analyst over these
sources. Commands are counted by the engine, those inside scripts too; what the measuring itself asks is taken off.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from bench.fleet import engine_connection, engine_pid, family, memory_of, running_fleet, temporary_settings
from bench.line import ROOT, result
from ezaigents.scorecard import quiet_window

_WINDOW_S = float(os.environ.get("BENCH_IDLE_S", "60"))
_SETTLE_S = 2.0
_AFTER_RUN_S = 15.0


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
