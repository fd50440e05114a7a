"""Which client speaks to the engine: ours (one connection, hiredis parser) beside valkey-py and redis-py (asyncio).

Memory of a fresh process with asyncio, the client and one open connection; calls a second one after the other and
from 256 callers at once; what is left after 50 cancelled calls. Three processes each, medians; byte code compiled
first, as installers leave it or not. docs/decisions/0003-engine-client.md decides by this.
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
from importlib.util import find_spec

from bench.engine_client import CLIENTS
from bench.fleet import temporary_settings
from bench.line import ROOT, result, versions_of
from bench.open_engine import open_engine

_ROUNDS = 3
_PACKAGES = {"ours": ("ezaigents", "hiredis"), "valkey": ("valkey", "hiredis"), "redis": ("redis", "hiredis")}


def _installed(name: str) -> bool:
    return all(find_spec(package) for package in _PACKAGES[name])


def _compile(name: str) -> None:
    for package in _PACKAGES[name]:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            compileall.compile_dir(folder, quiet=2)


def _once(name: str, socket: str) -> dict[str, float]:
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "bench.engine_client", name, socket]
    done = subprocess.run(command, capture_output=True, check=True, cwd=ROOT, env=environ, timeout=120)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _summary(samples: list[dict[str, float]]) -> dict[str, object]:
    median = {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}
    return {
        "bare_rss_mb": round(median["bare_rss_bytes"] / 1e6, 2),
        "open_rss_mb": round(median["open_rss_bytes"] / 1e6, 2),
        "after_rss_mb": round(median["after_rss_bytes"] / 1e6, 2),
        "sequential_per_s": round(median["sequential_per_s"]),
        "at_once_per_s": round(median["at_once_per_s"]),
        "cancelled_under_way": round(median["cancelled_under_way"]),
        "wrong_answers_after": round(max(sample["wrong_answers_after"] for sample in samples)),
        "connections_dropped": round(median["connections_dropped"]),
    }


def run() -> dict[str, object]:
    """Measure those that are installed, turn by turn."""
    names = [name for name in CLIENTS if _installed(name)]
    for name in names:
        _compile(name)
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with temporary_settings(engine_fsync="everysec") as settings, open_engine(settings) as socket:
        for _ in range(_ROUNDS):
            for name in names:
                samples[name].append(_once(name, str(socket)))
    return result(
        "engine_clients",
        n=_ROUNDS,
        client_versions=versions_of("valkey", "redis"),
        clients={name: _summary(found) for name, found in samples.items()},
    )
