"""Charts: bars as high as what they stand for, side by side, and lines through time; all within the drawing."""

from __future__ import annotations

from itertools import zip_longest

from hypothesis import given
from hypothesis import strategies as st

from ezaigents.dashboard.pages.charts import HEIGHT, WIDTH, bars, trace

VALUES = st.lists(st.tuples(st.integers(0, 1000), st.none() | st.floats(0, 1e15)), max_size=100).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)
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


def _corners(piece: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (corner.split(",") for corner in piece.split(" "))]


@given(VALUES)
def test_a_line_stays_in_the_drawing_and_goes_forward(rows: list[tuple[int, float | None]]) -> None:
    """Every known value of the time shown is on it; it never goes back, and the greatest value is at the top."""
    line = trace(rows, from_ms=200, to_ms=800, gap_ms=50)
    known = [value for at, value in rows if value is not None and 200 <= at <= 800]
    assert line.most == max(known, default=0)
    assert bool(line.pieces) == bool(known)
    corners = [corner for piece in line.pieces for corner in _corners(piece)]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners)
    for piece in line.pieces:
        assert _corners(piece) == sorted(_corners(piece), key=lambda corner: corner[0])
        assert len(_corners(piece)) >= 2


def test_a_line_is_broken_where_nobody_looked_and_where_nothing_is_known() -> None:
    """It does not pretend to know what was between."""
    rows: list[tuple[int, float | None]] = [(0, 1.0), (10, 2.0), (50, 1.0), (60, 1.0), (65, None), (70, 1.0), (75, 2.0)]
    line = trace(rows, from_ms=0, to_ms=100, gap_ms=20)
    assert [len(_corners(piece)) for piece in line.pieces] == [2, 2, 2]
    assert line.pieces[0] == "0.00,20.00 10.00,0.00"
    (alone,) = trace(rows[2:3], from_ms=0, to_ms=50, gap_ms=20).pieces
    assert _corners(alone)[-1] == (WIDTH, 0.0)
