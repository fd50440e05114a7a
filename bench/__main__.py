"""Run benchmarks: all, or those named; `--save` appends the lines to bench/results/<date>.jsonl."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import traceback
from datetime import UTC, datetime

from bench.line import ROOT, show

NAMES = (
    "start", "idle", "monitor", "many_agents", "heartbeats", "pickup", "queue_rates", "listing", "web", "submits",
    "messages", "events", "edits", "agents", "soak", "engine_clients",
    "legacy_import", "legacy_bridge",
)  # fmt: skip
OTHERS = ("peers", "site_soak", "backup")
"""What needs more installed, or more time, than `make bench` does: run only when named."""


def main() -> None:
    """Run them one after the other, so that none disturbs another."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", choices=[*NAMES, *OTHERS, []], default=[])
    parser.add_argument("--save", action="store_true", help="keep the lines in bench/results/")
    parser.add_argument("--minutes", type=float, help="how long site_soak works")
    chosen = parser.parse_args()
    if chosen.minutes is not None:
        os.environ["BENCH_MINUTES"] = str(chosen.minutes)
    failed = []
    for name in chosen.names or NAMES:
        try:
            line = importlib.import_module(f"bench.{name}").run()
        except Exception:  # noqa: BLE001 - one that cannot be measured must not hide the others
            traceback.print_exc()
            failed.append(name)
            continue
        show(line)
        if chosen.save:
            path = ROOT / "bench" / "results" / f"{datetime.now(UTC):%Y-%m-%d}.jsonl"
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
