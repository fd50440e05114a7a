"""Time as a thing that is passed in. Job: name the two clocks. Not its job: the engine's TIME, which rules leases."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one to compare, one to show."""

    def monotonic_s(self) -> float:
        """Seconds that never go back; meaning only in differences, within one process."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC; may jump when somebody sets the clock."""


class SystemClock:
    """The machine's own clocks."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when told to; for tests and simulations."""

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self._elapsed_s = 0.0
        self._start_ms = start_ms

    def monotonic_s(self) -> float:
        return self._elapsed_s

    def wall_ms(self) -> int:
        return self._start_ms + round(self._elapsed_s * 1000)

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds` (>= 0)."""
        self._elapsed_s += seconds
