"""Looks that nobody took. Job: a Sample with what a test is about, the rest being that of an idle fleet."""

from __future__ import annotations

from typing import Any

from ezaigents.monitor import EngineUse, NetworkUse, Sample, TotalUse

STATES = ("blocked", "ready", "delayed", "leased", "done", "dead", "cancelled", "skipped")


def sample(*, queue: dict[str, int] | None = None, **more: Any) -> Sample:
    """A look at an idle fleet, but for `queue` and `more`."""
    fields: dict[str, Any] = {
        "at_ms": 1_700_000_000_000,
        "interval_s": 5.0,
        "took_s": 0.01,
        "hosts": 1,
        "total": TotalUse(rss_bytes=30 * 1024**2, pss_bytes=None, cpu_share=0.01),
        "processes": (),
        "containers": (),
        "engine": EngineUse(
            kind="embedded", used_bytes=10**6, most_bytes=2**30, keys=2, keys_seen=2, keys_why="", by_sort=()
        ),
        "network": NetworkUse(
            received_bytes=10, sent_bytes=10, received_per_s=0.0, sent_per_s=0.0, own_per_s=100.0
        ),
        "queue": dict.fromkeys(STATES, 0) | (queue or {}),
        "oldest_wait_s": 0.0,
        "agents": (),
        "unseen": (),
    }  # fmt: skip
    return Sample(**(fields | more))
