"""A fleet as a user starts it, for measuring from outside. Job: start, find its processes, stop.

Not its job: what to measure; how the kernel and the engine are read is the product's own (`scorecard`). Data folders
lie on a disk, never in memory: there an fsync would cost nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ezaigents.engine import BlockingConnection, find_living
from ezaigents.scorecard import Measured, cpu_s, disk_folder, filesystem_of, info, memory_of
from ezaigents.scorecard import family as family_of
from ezaigents.settings import Settings, load_settings

__all__ = [
    "Measured", "cpu_s", "engine_connection", "engine_pid", "family", "filesystem_of", "info", "memory_of",
    "running_fleet", "temporary_settings",
]  # fmt: skip


@contextlib.contextmanager
def temporary_settings(**flags: object) -> Iterator[Settings]:
    """Settings with a data folder of their own, removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="ez-bench-", dir=disk_folder()))
    try:
        yield load_settings({"home": str(home), **flags}, environ={}, cwd=Path.cwd())
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def running_fleet(settings: Settings, command: list[str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """`ez up` (or `command`) with `settings` in its environment, ready; stopped by SIGTERM afterwards."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("EZ_") and k != "PYTHONDONTWRITEBYTECODE"}
    for field in Settings.__struct_fields__:
        if (value := getattr(settings, field)) != getattr(Settings(), field):
            environ[f"EZ_{field.upper()}"] = str(value)
    process = subprocess.Popen(
        command or [sys.executable, "-m", "ezaigents", "up"],
        env=environ,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert process.stderr is not None
    with process.stderr as stderr:
        try:
            _wait_ready(stderr)
            # Nobody reads what it says from here on, and a full pipe would make it wait.
            reading = threading.Thread(target=_read_to_end, args=(stderr,), daemon=True)
            reading.start()
            yield process
        finally:
            _end(process)
        reading.join()


def _wait_ready(stderr: IO[bytes]) -> None:
    said = []
    for line in stderr:
        said.append(line)
        if b"ready in" in line:
            return
    raise RuntimeError(f"the fleet did not become ready; it said: {b''.join(said).decode()}")


def _read_to_end(stream: IO[bytes]) -> None:
    for _ in stream:
        pass


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def engine_connection(settings: Settings) -> BlockingConnection:
    """A connection to the data folder's engine."""
    engine = find_living(settings)
    assert engine is not None
    return BlockingConnection(engine.address)


def engine_pid(settings: Settings) -> int:
    """The process id of the data folder's engine."""
    engine = find_living(settings)
    assert engine is not None
    assert engine.pid is not None
    return engine.pid


def family(host_pid: int, settings: Settings) -> list[int]:
    """The host, its children at every depth, and the engine."""
    return family_of(host_pid, engine_pid(settings))
