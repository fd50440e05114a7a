"""Locks the kernel keeps: they end with their holder, however it dies. Job: who lives on this data folder.

`engine.lock` is held by the engine itself (it inherits the descriptor), `hosts/<name>.lock` by each host, and
`engine.gate` for the moment in which somebody decides to start or stop the engine. Lock files are never removed:
whoever opened a removed one would hold a lock that nobody else can see.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ezaigents.engine.layout import GATE, HOSTS
from ezaigents.errors import ConfigError, EngineDown, HostConflict
from ezaigents.settings import Settings

_LEAVING = "leaving"
_STEP_S = 0.002
_GATE_WAIT_S = 30.0
_CONFLICT_WAIT_S = 0.1
"""Somebody who only looks whether a lock is held takes it for an instant; a conflict lasts longer."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")


def open_lock(path: Path) -> int:
    """Open (and make) a lock file; the descriptor is not inherited. Raises ConfigError."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error


def take_lock(descriptor: int, wait_s: float) -> bool:
    """Take the lock within `wait_s`; say whether it was taken."""
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= end:
                return False
            time.sleep(_STEP_S)
        else:
            return True


def is_held(path: Path) -> bool:
    """Say whether a living process holds this lock file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


class Gate:
    """Held while somebody decides whether the engine of a data folder starts or stops: `with Gate(home)`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._descriptor = -1

    def __enter__(self) -> Self:
        descriptor = open_lock(self._home / GATE)
        if not take_lock(descriptor, _GATE_WAIT_S):
            os.close(descriptor)
            raise EngineDown(
                f"another process has been starting or stopping the engine of {self._home} for "
                f"{_GATE_WAIT_S:g} s; look at it with `ez doctor`"
            )
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


class HostLock:
    """The right to be the host of this name on this data folder."""

    def __init__(self, settings: Settings) -> None:
        if not _NAME.match(settings.name):
            raise ConfigError(
                f"name: a host's name takes 1 to 64 letters, digits, '_', '-' and '.', not {settings.name!r}"
            )
        self._name = settings.name
        self._home = settings.home_path
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock. Raises HostConflict naming the living holder, ConfigError for an unusable folder."""
        path = host_lock_path(self._home, self._name)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(path, error) from error
        descriptor = open_lock(path)
        if not take_lock(descriptor, _CONFLICT_WAIT_S):
            holder = os.pread(descriptor, 64, 0)
            os.close(descriptor)
            raise HostConflict(self._name, _pid_in(holder), str(self._home))
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        except OSError as error:
            os.close(descriptor)
            raise _unusable(path, error) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; harmless when not held. What the file says stays: it counts only while the lock is held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def host_lock_path(home: Path, name: str) -> Path:
    """Where the lock of the host `name` lies."""
    return home / HOSTS / f"{name}.lock"


def living_hosts(home: Path) -> dict[str, int]:
    """Name and pid of every host that lives on this data folder and is not about to leave it."""
    found = {}
    for path in sorted((home / HOSTS).glob("*.lock")):
        if is_held(path):
            text = path.read_bytes()
            if not text.startswith(_LEAVING.encode()):
                found[path.stem] = _pid_in(text)
    return found


def holds_open(pid: int, path: Path) -> bool:
    """Say whether the process has this very file open; True where the system cannot tell.

    A number in a file may be another process's by now, or one of another container.
    """
    try:
        wanted = path.stat()
        entries = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return not Path("/proc/self/fd").is_dir()
    for entry in entries:
        try:
            facts = entry.stat()
        except OSError:
            continue
        if (facts.st_dev, facts.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


def mark_leaving(home: Path, name: str) -> None:
    """Say that this process, as host `name`, no longer needs the engine, though it still holds its lock.

    To be called behind the gate: two hosts that leave at once must not each wait for the other.
    """
    if living_hosts(home).get(name) == os.getpid():
        path = host_lock_path(home, name)
        path.write_text(f"{_LEAVING} {os.getpid()}\n", encoding="ascii")


def _pid_in(text: bytes) -> int:
    digits = text.removeprefix(_LEAVING.encode()).strip()
    return int(digits) if digits.isdigit() else 0


def _unusable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the data folder cannot be used: {path}: {error.strerror}; mend it or set EZ_HOME to another folder"
    )
