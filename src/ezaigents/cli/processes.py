"""Processes of this machine, from outside. Job: when one began, and waiting for its end. Not its job: signals."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable
from pathlib import Path

_LOOK_S = 0.05
"""Between two looks where the system has no pidfd."""


def process_started_at() -> float:
    """Monotonic time at which this process began, by the kernel's books (10 ms fine); now where it keeps none.

    An exec does not change it, so it counts from the first program the user started.
    """
    now = time.monotonic()
    try:
        stat = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
        ticks = int(stat.rpartition(")")[2].split()[19])
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return now
    return now - max(0.0, age_s)


def lives(pid: int) -> bool:
    """Say whether a process of this id runs, somebody else's too; one that waits to be collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[:1] not in (["Z"], ["X"])


def wait_for_ends(pids: Iterable[int], within_s: float) -> set[int]:
    """Wait until all the processes have ended, `within_s` at most; returns those that are still there."""
    left = {pid for pid in pids if lives(pid)}
    until = time.monotonic() + within_s
    while left and (wait_s := until - time.monotonic()) > 0:
        _wait_for_one(left, wait_s)
        left = {pid for pid in left if lives(pid)}
    return left


def _wait_for_one(pids: set[int], wait_s: float) -> None:
    """Return when one of them has ended, or at the end of the wait."""
    descriptors = []
    poll = select.poll()
    try:
        for pid in pids:
            descriptor = os.pidfd_open(pid)
            descriptors.append(descriptor)
            poll.register(descriptor, select.POLLIN)
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):
        time.sleep(min(_LOOK_S, wait_s))
    else:
        poll.poll(wait_s * 1000)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
