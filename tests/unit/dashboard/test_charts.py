"""Bars: as high as what they stand for, side by side, within the drawing."""

from __future__ import annotations

from itertools import zip_longest

from hypothesis import given
from hypothesis import strategies as st

from ezaigents.dashboard.pages.charts import HEIGHT, WIDTH, bars

AMOUNTS = st.lists(st.tuples(st.text(max_size=5), st.integers(0, 2**50)), max_size=400)


@given(AMOUNTS)
def test_bars_stand_in_the_drawing_and_tell_the_figures(rows: list[tuple[str, int]]) -> None:
    """None leaves it, none covers another; the greatest fills it, and nothing is as high as nothing."""
    found = bars(rows)
    assert [(bar.label, bar.amount) for bar in found] == rows
    for bar, following in zip_longest(found, found[1:]):
        assert bar.x >= 0
        assert bar.x + bar.width <= (following.x if following else WIDTH) + 0.01
        assert abs(bar.y + bar.height - HEIGHT) < 0.01
    most = max((amount for _, amount in rows), default=0)
    assert all(bar.height == HEIGHT for bar in found if most and bar.amount == most)
    assert all(bar.height == 0 for bar in found if not bar.amount)
