"""Numbers about numbers: percentile, median, spread. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from ezaigents.scorecard.shown import Stat


def stat_of(values: Sequence[float]) -> Stat | None:
    """None where nothing was measured."""
    if not values:
        return None
    return Stat(median=statistics.median(values), least=min(values), most=max(values), n=len(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of them lie (nearest rank); `values` is not empty."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
