"""The last looks. Job: a bounded row of figures, and a line that shows them. Not its job: drawing (dashboard)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from ezaigents.monitor.sample import Sample

_BARS = "▁▂▃▄▅▆▇█"
_NOTHING = " "


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of one look. None: not known at that moment."""

    at_ms: int
    rss_bytes: int
    cpu_share: float | None
    engine_bytes: int
    network_per_s: float | None
    waiting: int
    running: int

    @classmethod
    def of(cls, sample: Sample) -> Point:
        """What is kept of a look."""
        return cls(
            at_ms=sample.at_ms,
            rss_bytes=sample.total.rss_bytes,
            cpu_share=sample.total.cpu_share,
            engine_bytes=sample.engine.used_bytes,
            network_per_s=sample.network.others_per_s,
            waiting=sample.queue["ready"],
            running=sample.queue["leased"],
        )


class History:
    """The newest `most` looks."""

    def __init__(self, most: int) -> None:
        self._points: deque[Point] = deque(maxlen=most)

    def add(self, sample: Sample) -> None:
        """Keep a look; the oldest goes where there are too many."""
        self._points.append(Point.of(sample))

    @property
    def points(self) -> tuple[Point, ...]:
        """From the oldest to the newest."""
        return tuple(self._points)


def sparkline(values: Sequence[float | None]) -> str:
    """A bar of a character for each value, from nothing to the greatest; a gap for what is not known."""
    most = max((value for value in values if value is not None), default=0.0)
    return "".join(_NOTHING if value is None else _BARS[_step(value, most)] for value in values)


def _step(value: float, most: float) -> int:
    return min(len(_BARS) - 1, int(value / most * len(_BARS))) if most > 0 else 0
