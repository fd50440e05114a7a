"""History: bounded, and drawn in one line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.monitor.samples import sample

from ezaigents.monitor import History, sparkline


def test_only_the_newest_looks_are_kept() -> None:
    """However long somebody looks, no more than that is held."""
    history = History(3)
    for number in range(10):
        history.add(sample(at_ms=number))
    assert [point.at_ms for point in history.points] == [7, 8, 9]


@given(st.lists(st.none() | st.floats(0, 1e15), max_size=200))
def test_a_line_has_a_character_for_each_value(values: list[float | None]) -> None:
    """The greatest is the highest, nothing the lowest, and what is not known a gap."""
    line = sparkline(values)
    assert len(line) == len(values)
    most = max((value for value in values if value is not None), default=0)
    for value, bar in zip(values, line, strict=True):
        assert (bar == " ") == (value is None)
        assert not most or value != most or bar == "█"
        assert value != 0 or bar == "▁"
