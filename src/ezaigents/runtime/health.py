"""What ails a host and its agents. Job: count how attempts end, look at this process and its disk, say what is wrong.

Not its job: telling others (heartbeat), what they make of it (team). Reasons name limits, never readings: a number
that moves would be a change to tell at every look.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import msgspec

from ezaigents.policy import clip_bytes
from ezaigents.records import Health
from ezaigents.runtime.admission import rss_bytes
from ezaigents.settings import Settings

FAILED_IN_A_ROW = 3
"""Attempts, of whatever tasks: one bad task is not yet a bad agent."""
NAMED_MOST = 20
"""Agents with their reasons in one heartbeat; it stays below 5 KiB."""
LATE_S = 2.0
DISK_LEAST_BYTES = 64 * 1024 * 1024
_ERROR_MOST_BYTES = 120
_MIB = 1024 * 1024


class History(Protocol):
    """How the attempts of each agent ended, as far as that is remembered."""

    def succeeded(self, agent: str) -> None:
        """An attempt ended well: whatever was wrong is over."""

    def failed(self, agent: str, error: str) -> None:
        """An attempt ended in an error. Those that were handed back or cancelled say nothing, and are not told."""

    def ailing(self) -> dict[str, str]:
        """Why, for each agent that is degraded; those that have been failing for longest come first."""


class HealthBook:
    """Remembers what is wrong now: nothing of agents whose last attempt succeeded."""

    def __init__(self) -> None:
        self._failed: dict[str, tuple[int, str]] = {}

    def succeeded(self, agent: str) -> None:
        self._failed.pop(agent, None)

    def failed(self, agent: str, error: str) -> None:
        count, _ = self._failed.get(agent, (0, ""))
        self._failed[agent] = (min(count + 1, FAILED_IN_A_ROW), clip_bytes(error, _ERROR_MOST_BYTES))

    def ailing(self) -> dict[str, str]:
        return {agent: _why(error) for agent, (count, error) in self._failed.items() if count == FAILED_IN_A_ROW}

    def __len__(self) -> int:
        return len(self._failed)


class PlainHistory:
    """Remembers how every attempt ended, as the systems before did; there to be compared with."""

    def __init__(self) -> None:
        self._ended: list[tuple[str, str]] = []

    def succeeded(self, agent: str) -> None:
        self._ended.append((agent, ""))

    def failed(self, agent: str, error: str) -> None:
        self._ended.append((agent, error))

    def ailing(self) -> dict[str, str]:
        failures: dict[str, list[str]] = {}
        for agent, error in self._ended:
            if error:
                failures.setdefault(agent, []).append(error)
            else:
                failures.pop(agent, None)
        return {
            agent: _why(clip_bytes(errors[-1], _ERROR_MOST_BYTES))
            for agent, errors in failures.items()
            if len(errors) >= FAILED_IN_A_ROW
        }

    def __len__(self) -> int:
        return len(self._ended)


def make_history(settings: Settings) -> History:
    """The history that the settings name."""
    return PlainHistory() if settings.memory == "plain" else HealthBook()


def _why(error: str) -> str:
    return f"{FAILED_IN_A_ROW} attempts in a row failed: {error}"


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at. `late_s`: how late the event loop came to this look. `disk_error`: why nothing can be written.

    `durability`, `durability_wanted`: of the engine, as found and as configured; "" = nothing is expected of it.
    """

    memory_bytes: int
    memory_limit_bytes: int
    late_s: float
    disk_free_bytes: int
    disk_error: str = ""
    durability: str = ""
    durability_wanted: str = ""


def host_ails(facts: HostFacts) -> str:
    """Why the host is degraded; "" when it is not."""
    reasons = []
    if facts.memory_bytes >= facts.memory_limit_bytes:
        reasons.append(f"its memory is at the limit of {facts.memory_limit_bytes // _MIB:,} MiB")
    if facts.late_s > LATE_S:
        reasons.append(f"its event loop was more than {LATE_S:g} s late")
    if facts.disk_error:
        reasons.append(f"its data folder cannot be written: {facts.disk_error}")
    elif facts.disk_free_bytes < DISK_LEAST_BYTES:
        reasons.append(f"less than {DISK_LEAST_BYTES // _MIB} MiB are free for its data folder")
    if facts.durability_wanted and facts.durability != facts.durability_wanted:
        reasons.append(f"its engine's durability is {facts.durability}, not {facts.durability_wanted} as configured")
    return "; ".join(reasons)


class Checkup:
    """Looks at this process, its disk and its agents; asks nobody, and costs three calls of the kernel."""

    def __init__(
        self,
        book: History,
        home: Path,
        *,
        memory_limit_bytes: int,
        durability: str = "",
        durability_wanted: str = "",
    ) -> None:
        self._book = book
        self._home = home
        self._memory_limit_bytes = memory_limit_bytes
        self._durability = durability
        self._durability_wanted = durability_wanted

    def look(self, late_s: float, *, named_most: int = NAMED_MOST) -> Health:
        """What ails the host now, and at most `named_most` agents by name; `late_s` as in HostFacts."""
        free_bytes, error = _disk(self._home)
        facts = HostFacts(
            memory_bytes=rss_bytes(),
            memory_limit_bytes=self._memory_limit_bytes,
            late_s=late_s,
            disk_free_bytes=free_bytes,
            disk_error=error,
            durability=self._durability,
            durability_wanted=self._durability_wanted,
        )
        ailing = list(self._book.ailing().items())
        return Health(host=host_ails(facts), agents=dict(ailing[:named_most]), more=max(0, len(ailing) - named_most))


def _disk(folder: Path) -> tuple[int, str]:
    """Bytes that are free to us, and why nothing can be written there, "" = it can."""
    try:
        facts = os.statvfs(folder)
    except OSError as error:
        return 0, error.strerror or str(error)
    if facts.f_flag & os.ST_RDONLY:
        return 0, "the file system is read-only"
    return facts.f_bavail * facts.f_frsize, "" if os.access(folder, os.W_OK | os.X_OK) else "permission denied"
