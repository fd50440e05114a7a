"""A disk that is slow to sync. Job: delay the fsyncs of one process, by strace. Not its job: breaking anything else."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_ATTACH_S = 10.0


@contextlib.contextmanager
def slow_fsync(pid: int, *, delay_s: float) -> Iterator[None]:
    """Make each fsync and fdatasync of all threads of `pid` take `delay_s` longer, until left.

    Skips the test, saying why, where strace is missing or may not attach.
    """
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed, so no fsync can be slowed down; apt install strace")
    inject = f"inject=fsync,fdatasync:delay_enter={round(delay_s * 1e6)}"
    command = [program, "-f", "-p", str(pid), "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as tracer:
        try:
            end_s = time.monotonic() + _ATTACH_S
            while not _traced(pid):
                if tracer.poll() is not None or time.monotonic() > end_s:
                    pytest.skip("strace may not attach here (ptrace is forbidden), so no fsync can be slowed down")
                time.sleep(0.01)
            yield
        finally:
            # Not SIGTERM: strace would wait for threads that its own delay holds, killed or not.
            tracer.kill()


def _traced(pid: int) -> bool:
    """True when every thread of the process has a tracer."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return all("TracerPid:\t0\n" not in (thread / "status").read_text() for thread in threads)
