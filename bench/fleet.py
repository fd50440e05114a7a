"""A fleet as a user starts it, for measuring from outside. Job: start, find its processes, read /proc, stop.

Not its job: what to measure. Data folders lie on a disk, never in memory: there an fsync would cost nothing.
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

import msgspec

from ezaigents import monitor
from ezaigents.engine import BlockingConnection, find_living
from ezaigents.monitor import with_children
from ezaigents.settings import Settings, load_settings


class Measured(msgspec.Struct, frozen=True):
    """Memory of some processes together, in bytes."""

    rss_bytes: int
    pss_bytes: int
    processes: int


def filesystem_of(path: Path) -> str:
    """The type of the file system that holds `path`, such as ext4; "" where that cannot be seen."""
    found = ("", "")
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
            _, mount, kind, *_ = line.split(" ")
            if path.resolve().is_relative_to(mount) and len(mount) >= len(found[0]):
                found = (mount, kind)
    return found[1]


def _disk_folder() -> str:
    """The usual folder for temporary files, unless that is memory."""
    usual = Path(tempfile.gettempdir())
    return "/var/tmp" if filesystem_of(usual) == "tmpfs" else str(usual)  # noqa: S108 - mkdtemp makes it private


@contextlib.contextmanager
def temporary_settings(**flags: object) -> Iterator[Settings]:
    """Settings with a data folder of their own, removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="ez-bench-", dir=_disk_folder()))
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
    return sorted({*with_children([host_pid]), engine_pid(settings)})


def memory_of(pids: list[int]) -> Measured:
    """RSS and PSS of processes together, as the product's own monitor reads them."""
    return Measured(*monitor.memory_of(pids), len(pids))


def cpu_s(pids: list[int]) -> float:
    """Processor seconds, user and system, of processes' living threads together, from schedstat (nanoseconds)."""
    total = 0
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(path.read_text(encoding="ascii").split()[0])
    return total / 1e9


def info(connection: BlockingConnection, section: str) -> dict[str, str]:
    """A section of the engine's INFO."""
    text: bytes = connection.call("INFO", section)
    pairs = (line.partition(":") for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in pairs}
