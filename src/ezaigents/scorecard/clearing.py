"""Leaving nothing. Job: end what runs on a folder of ours, and remove it.

Who belongs to it is told by the folder's name, which is made up for one scorecard: it stands in the command line or the
environment of each of its processes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from ezaigents.scorecard.processes import marked

_GRACE_S = 10.0
_LOOK_S = 0.05


def clear(folder: Path, *, grace_s: float = _GRACE_S) -> None:
    """End what runs there, gently and then not, and remove it. Repeatable."""
    end_all(folder, grace_s=grace_s)
    shutil.rmtree(folder, ignore_errors=True)


def end_all(folder: Path, *, grace_s: float = _GRACE_S) -> None:
    """End every process that belongs to a folder."""
    asked: set[int] = set()
    until = time.monotonic() + grace_s
    while found := _running(folder):
        late = time.monotonic() > until
        for pid in found:
            if late:
                _send(pid, signal.SIGKILL)
            elif pid not in asked:
                asked.add(pid)
                _send(pid, signal.SIGTERM)
                _send(pid, signal.SIGINT)  # a host hands back what it runs at once
        time.sleep(_LOOK_S)


def _running(folder: Path) -> list[int]:
    """Those that have not ended; the guard of the folder is none of them."""
    return [pid for pid in marked(str(folder)) if not _is_guard(pid) and not _has_ended(pid)]


def _is_guard(pid: int) -> bool:
    try:
        return b"ezaigents.scorecard.guard" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _has_ended(pid: int) -> bool:
    """A process that nobody has collected yet has no command line any more, and one of another state Z."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
