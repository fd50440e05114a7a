"""This process, as the system sees it. Job: what it uses. Not its job: other processes (client)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from ezaigents.client import rss_of


class ProcessFigures(msgspec.Struct, frozen=True, kw_only=True):
    """`started_at_s`: Unix time. Where the system does not say, it is 0."""

    cpu_s: float
    resident_bytes: int
    started_at_s: float
    open_files: int


def process_figures() -> ProcessFigures:
    """Look now; it takes a few small files of /proc."""
    return ProcessFigures(
        cpu_s=time.process_time(),
        resident_bytes=rss_of(os.getpid()),
        started_at_s=_started_at_s(),
        open_files=_open_files(),
    )


def _started_at_s() -> float:
    try:
        stat = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
        ticks = int(stat.rpartition(")")[2].split()[19])
        booted_at_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return round(booted_at_s + ticks / os.sysconf("SC_CLK_TCK"), 2)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - only counted; one is that of the listing
    except OSError:
        return 0
