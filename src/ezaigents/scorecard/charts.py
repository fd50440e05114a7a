"""Bars for two figures. Job: rows to rectangles and words; pure. Not its job: drawing them (webpage, templates)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ezaigents.scorecard import wording
from ezaigents.scorecard.shown import Row, Stat

WIDTH, LABEL_WIDTH = 640, 250
_BAR, _GAP = 14, 10
_ROOM = WIDTH - LABEL_WIDTH - 130


class TwoBars(msgspec.Struct, frozen=True, kw_only=True):
    """A figure before and after. `y`: of the first bar's top; widths on a scale of their own."""

    label: str
    y: int
    before_width: float
    after_width: float
    before: str
    after: str


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one group that have both."""

    title: str
    height: int
    bars: tuple[TwoBars, ...]


def drawings_of(rows: Sequence[Row]) -> list[Drawing]:
    """A drawing for each group in which there is something to draw."""
    groups = dict.fromkeys(row.group for row in rows)
    found = [_drawing(group, [row for row in rows if row.group == group]) for group in groups]
    return [drawing for drawing in found if drawing.bars]


def _drawing(title: str, rows: Sequence[Row]) -> Drawing:
    pairs = [(row, row.before, row.after) for row in rows if row.before is not None and row.after is not None]
    step = 2 * _BAR + _GAP
    bars = tuple(_bars(row, before, after, _GAP + number * step) for number, (row, before, after) in enumerate(pairs))
    return Drawing(title=title, height=step * len(bars) + _GAP, bars=bars)


def _bars(row: Row, before: Stat, after: Stat, y: int) -> TwoBars:
    most = max(before.median, after.median) or 1
    return TwoBars(
        label=row.metric,
        y=y,
        before_width=round(_ROOM * before.median / most, 1),
        after_width=round(_ROOM * after.median / most, 1),
        before=f"{wording.number(before.median)} {row.unit}",
        after=f"{wording.number(after.median)} {row.unit}",
    )
