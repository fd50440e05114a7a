"""One process, by the kernel's books. Job: read /proc; None for a process that has ended. Not its job: which processes.

Whatever is listed may be gone before it is read, and may belong to somebody else: both are answers, not errors.
Source: proc(5), https://man7.org/linux/man-pages/man5/proc.5.html (2026-11-29).
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PSS_MOST_BYTES = 1024**3
"""The kernel walks every page to tell a share; of a larger process that takes longer than a look may."""
_ENDED = ("Z", "X")


class Facts(msgspec.Struct, frozen=True):
    """`began_ticks`: since the machine began; tells two processes of one number apart. `pss_bytes` None: unknown."""

    name: str
    began_ticks: int
    cpu_s: float
    rss_bytes: int
    pss_bytes: int | None


def facts_of(pid: int) -> Facts | None:
    """What the kernel says of a process now; None where it has ended, or the system keeps no such books."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        name, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        if fields[0] in _ENDED:
            return None
        cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
        rss_bytes = int(fields[21]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None
    exact = memory_of(pid) if rss_bytes <= _PSS_MOST_BYTES else None
    rss, pss = exact or (rss_bytes, None)
    return Facts(name, int(fields[19]), cpu_s, rss, pss)


def memory_of(pid: int) -> tuple[int, int] | None:
    """Resident and proportional memory, exactly; None where it may not be read, or the process has ended."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_bytes().splitlines()
        said = dict(line.split(b":", 1) for line in lines[1:])
        return _bytes(said[b"Rss"]), _bytes(said[b"Pss"])
    except (OSError, ValueError, KeyError):
        return None


def children_of(pid: int) -> list[int]:
    """The children of a process, of all its threads; [] where it has none or has ended."""
    found: list[int] = []
    try:
        threads = sorted((_PROC / str(pid) / "task").iterdir())
    except OSError:
        return []
    for thread in threads:
        try:
            found += [int(one) for one in (thread / "children").read_bytes().split()]
        except OSError:
            continue  # the thread has ended
    return found


def _bytes(text: bytes) -> int:
    return int(text.split()[0]) * 1024
