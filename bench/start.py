"""Cold start: from exec of `ez up` to ready, and `ez --help`. Medians of 11, byte code present, page cache warm."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.fleet import running_fleet, temporary_settings
from bench.line import percentile, result

_RUNS = 11


def run() -> dict[str, object]:
    """Start a fleet on a fresh data folder, and show the help, 11 times each."""
    ready, helped = [], []
    ez = Path(sys.executable).parent / "ez"
    with temporary_settings() as settings, running_fleet(settings, [str(ez), "up"]):
        pass  # warms the page cache, leaves byte code
    for _ in range(_RUNS):
        with temporary_settings() as settings:
            began_s = time.monotonic()
            with running_fleet(settings, [str(ez), "up"]):
                ready.append(time.monotonic() - began_s)
        began_s = time.monotonic()
        subprocess.run([str(ez), "--help"], capture_output=True, check=True)
        helped.append(time.monotonic() - began_s)
    return result(
        "start",
        n=_RUNS,
        ready_s_median=round(statistics.median(ready), 3),
        ready_s_max=round(max(ready), 3),
        help_ms_median=round(statistics.median(helped) * 1000, 1),
        help_ms_p95=round(percentile(helped, 95) * 1000, 1),
    )
