"""Processes from outside, by /proc. Job: which belong to a host, their memory, their processor time. Linux only.

Kept in one file so that it can be exchanged for another reader of the same figures. Not its job: when to look.
Source: proc(5).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

_PROC = Path("/proc")
_HOST = b"ezaigents.cli.host"
_WORK_FIELDS = slice(11, 15)
"""utime, stime, cutime and cstime, counted from behind the name: a process, and its children that were waited for."""


class Measured(msgspec.Struct, frozen=True):
    """Memory of some processes together, in bytes."""

    rss_bytes: int
    pss_bytes: int
    processes: int


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The processes of a fleet by what they are."""

    hosts: tuple[int, ...]
    engine: tuple[int, ...]
    children: tuple[int, ...]

    @property
    def all(self) -> list[int]:
        """Each once."""
        return [*self.hosts, *self.engine, *self.children]


def can_be_read() -> bool:
    """Whether this system keeps the books that are read here."""
    return (_PROC / "self" / "smaps_rollup").exists() and (_PROC / "self" / "schedstat").exists()


def family(host_pid: int, engine_pid: int) -> list[int]:
    """A host, its children at every depth, and the engine."""
    parents: dict[int, int] = {}
    for path in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(_fields(path)[1])
    found = {host_pid}
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return sorted(found | {engine_pid})


def parts_of(host_pid: int, engine_pid: int) -> Parts:
    """The same by what they are: hosts are those that run the program of hosts."""
    others = [pid for pid in family(host_pid, engine_pid) if pid != engine_pid]
    hosts = tuple(pid for pid in others if pid == host_pid or _HOST in _command(pid))
    children = tuple(pid for pid in others if pid not in hosts)
    return Parts(hosts=hosts, engine=(engine_pid,), children=children)


def memory_of(pids: Iterable[int]) -> Measured:
    """RSS and PSS of processes together; one that has ended meanwhile counts nothing."""
    rss = pss = count = 0
    for pid in pids:
        try:
            text = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue  # as the engine's own child when it has rewritten its log
        count += 1
        for line in text.splitlines():
            if line.startswith("Rss:"):
                rss += int(line.split()[1]) * 1024
            elif line.startswith("Pss:"):
                pss += int(line.split()[1]) * 1024
    return Measured(rss, pss, count)


def cpu_s(pids: Iterable[int]) -> float:
    """Processor seconds of processes' living threads together, exact to nanoseconds: for idle fleets."""
    total = 0
    for pid in pids:
        for path in (_PROC / str(pid) / "task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(path.read_text(encoding="ascii").split()[0])
    return total / 1e9


def work_cpu_s(pids: Iterable[int]) -> float:
    """The same with threads and children that have ended, exact to the kernel's ticks: for fleets at work."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            ticks += sum(int(field) for field in _fields(_PROC / str(pid) / "stat")[_WORK_FIELDS])
    return ticks / os.sysconf("SC_CLK_TCK")


def marked(mark: str) -> list[int]:
    """Processes of this user that have `mark` in their command line or environment, but this one."""
    found = []
    wanted = os.fsencode(mark)
    for folder in _PROC.glob("[0-9]*"):
        pid = int(folder.name)
        with contextlib.suppress(OSError):
            facts = ((folder / "cmdline").read_bytes(), (folder / "environ").read_bytes())
            if pid != os.getpid() and any(wanted in fact for fact in facts):
                found.append(pid)
    return found


def _command(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def _fields(stat: Path) -> list[str]:
    """What stands behind the name in a process's stat."""
    return stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
