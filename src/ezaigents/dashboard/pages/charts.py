"""Charts. Job: figures to bars and lines in a drawing of 100 by 40; pure. Not its job: drawing (templates)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

WIDTH, HEIGHT = 100.0, 40.0
_GAP = 0.2
"""Share of a place that stays empty between two bars."""
_STROKE = 0.4


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle from the bottom up, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    label: str
    amount: int


def bars(rows: Sequence[tuple[str, int]]) -> list[Bar]:
    """A bar for each (label, amount), the greatest amount as high as the drawing; none for no amount at all."""
    most = max((amount for _, amount in rows), default=0)
    place = WIDTH / max(1, len(rows))
    return [
        Bar(
            x=round(number * place + place * _GAP / 2, 3),
            y=round(HEIGHT - HEIGHT * amount / most, 3) if most else HEIGHT,
            width=round(place * (1 - _GAP), 3),
            height=round(HEIGHT * amount / most, 3) if most else 0.0,
            label=label,
            amount=amount,
        )
        for number, (label, amount) in enumerate(rows)
    ]


class Trace(msgspec.Struct, frozen=True):
    """A line through time: its pieces, each the `points` of a polyline, and the greatest value (0 = there is none)."""

    pieces: tuple[str, ...]
    most: float


def trace(points: Sequence[tuple[int, float | None]], *, from_ms: int, to_ms: int, gap_ms: int) -> Trace:
    """A line through (time, value) pairs in order of time; where nothing was known or nobody looked, it is broken.

    Points before `from_ms` are left out. One that stands alone is a short stroke, so that it is seen.
    """
    shown = [(at_ms, value) for at_ms, value in points if from_ms <= at_ms <= to_ms]
    most = max((value for _, value in shown if value is not None), default=0.0)
    pieces: list[list[tuple[float, float]]] = []
    last_ms: int | None = None
    for at_ms, value in shown:
        if value is None:
            last_ms = None
            continue
        if last_ms is None or at_ms - last_ms > gap_ms:
            pieces.append([])
        last_ms = at_ms
        x = WIDTH * (at_ms - from_ms) / max(1, to_ms - from_ms)
        pieces[-1].append((x, HEIGHT - HEIGHT * value / most if most else HEIGHT))
    return Trace(tuple(_polyline(piece) for piece in pieces), most)


def _polyline(piece: list[tuple[float, float]]) -> str:
    if len(piece) == 1:
        x, y = piece[0]
        piece = [(max(0.0, x - _STROKE), y), (min(WIDTH, x + _STROKE), y)]
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in piece)
