"""Processes from outside, by /proc. Job: those of a host by what they are, and their processor time. Linux only.

Which there are and what they hold is the monitor's reading. Not its job: when to look.
Source: proc(5).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ezaigents import monitor
from ezaigents.monitor import with_children

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
    return sorted({*with_children([host_pid]), engine_pid})


def parts_of(host_pid: int, engine_pid: int) -> Parts:
    """The same by what they are: hosts are those that run the program of hosts."""
    others = [pid for pid in family(host_pid, engine_pid) if pid != engine_pid]
    hosts = tuple(pid for pid in others if pid == host_pid or _HOST in _command(pid))
    children = tuple(pid for pid in others if pid not in hosts)
    return Parts(hosts=hosts, engine=(engine_pid,), children=children)


def memory_of(pids: Iterable[int]) -> Measured:
    """RSS and PSS of processes together; one that has ended meanwhile counts nothing."""
    known = list(pids)
    return Measured(*monitor.memory_of(known), len(known))


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
