"""The site that stands alone (`ez dashboard`). Job: one for a data folder, and where others find it.

`dashboard.lock` in the data folder is held by its process, so that it is known to live, and says its port. The site of
a host is on the host's card instead. Not its job: serving (serving).
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from ezaigents.codec import from_json, to_json
from ezaigents.engine import is_held, open_lock, take_lock
from ezaigents.errors import ConfigError

LOCK = "dashboard.lock"
_WAIT_S = 0.1
"""Who only looks whether it is held takes it for an instant."""
_MOST_BYTES = 256


class StandingSite(msgspec.Struct, frozen=True):
    """A site whose process lives. `port` 0: it does not listen yet."""

    pid: int
    port: int


def standing_site(home: Path) -> StandingSite | None:
    """The one of this data folder; None when none lives."""
    path = home / LOCK
    try:
        return from_json(path.read_bytes()[:_MOST_BYTES], StandingSite) if is_held(path) else None
    except (OSError, msgspec.DecodeError):
        return None


class SiteLock:
    """The right to be that one."""

    def __init__(self, home: Path) -> None:
        self._path = home / LOCK
        self._descriptor = -1

    def acquire(self, port: int) -> None:
        """Take it, and say where. Raises ConfigError naming who has it."""
        descriptor = open_lock(self._path)
        if not take_lock(descriptor, _WAIT_S):
            os.close(descriptor)
            other = standing_site(self._path.parent)
            who = f"process {other.pid}, port {other.port}" if other else "another process"
            raise ConfigError(f"a dashboard of this data folder runs already ({who}); `ez open` prints a link to it")
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, to_json(StandingSite(os.getpid(), port)), 0)
        except OSError as error:
            os.close(descriptor)
            raise ConfigError(f"{self._path} cannot be written: {error.strerror}") from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; harmless when not held. The file stays: it counts only while it is held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
