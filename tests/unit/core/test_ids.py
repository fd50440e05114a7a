"""Ids: they sort by time, never repeat, and say when they were made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ezaigents.clock import ManualClock, SystemClock
from ezaigents.ids import ID_LENGTH, IdMaker, id_wall_ms, is_id


class _Jumping:
    """A clock that shows what it is told."""

    def __init__(self) -> None:
        self.now_ms = 0

    def monotonic_s(self) -> float:
        return 0.0

    def wall_ms(self) -> int:
        return self.now_ms


@given(st.lists(st.integers(0, 2**49), min_size=1, max_size=50), st.binary(min_size=5, max_size=5))
def test_ids_rise_whatever_the_clock_does(times: list[int], luck: bytes) -> None:
    """Standing still, going back or jumping: each id is greater than the one before it."""
    clock = _Jumping()
    make_id = IdMaker(clock, lambda size: luck[:size])
    ids = []
    for clock.now_ms in times:
        ids.append(make_id())
    assert ids == sorted(set(ids))
    assert all(is_id(made) and len(made) == ID_LENGTH for made in ids)
    assert id_wall_ms(ids[0]) == times[0]


def test_ten_thousand_ids_of_one_moment_are_different() -> None:
    """A clock that stands still makes no id twice, and keeps the time."""
    clock = ManualClock()
    make_id = IdMaker(clock)
    ids = [make_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert {id_wall_ms(made) for made in ids} <= {clock.wall_ms(), clock.wall_ms() + 1}


def test_two_makers_do_not_meet() -> None:
    """Ids of two processes in the same millisecond differ by their randomness."""
    clock = ManualClock()
    first, second = IdMaker(clock), IdMaker(clock)
    assert {first() for _ in range(1000)}.isdisjoint({second() for _ in range(1000)})


@pytest.mark.parametrize("text", ["", "0" * 17, "0" * 19, "I" * 18, "u" * 18, "0" * 17 + "\n", "0" * 18 + "\n"])
def test_other_text_is_no_id(text: str) -> None:
    """Length and alphabet are checked to the last character."""
    assert not is_id(text)


def test_the_manual_clock_moves_when_told() -> None:
    """Both of its faces move together; the system's move by themselves."""
    clock = ManualClock(start_ms=1000)
    clock.advance(1.5)
    assert (clock.monotonic_s(), clock.wall_ms()) == (1.5, 2500)
    real = SystemClock()
    assert real.monotonic_s() <= real.monotonic_s()
    assert real.wall_ms() > 1_700_000_000_000
