"""Bars of a chart. Job: figures to rectangles in a drawing of 100 by 40; pure. Not its job: drawing (templates)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

WIDTH, HEIGHT = 100.0, 40.0
_GAP = 0.2
"""Share of a place that stays empty between two bars."""


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
