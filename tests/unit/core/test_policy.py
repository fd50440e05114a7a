"""Decisions: back-off, order, clipping, names, clocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ezaigents.policy import RetryPolicy, clip_bytes, clock_jumped, nearest_name, order_parents_first


@given(attempt=st.integers(1, 10_000), luck=st.floats(0, 1, exclude_max=True))
def test_back_off_is_jittered_and_capped(attempt: int, luck: float) -> None:
    """The delay is anything from 0 to min(cap, base * 2**(attempt-1)), however high the attempt."""
    policy = RetryPolicy(base_s=2, cap_s=600)
    assert 0 <= policy.delay_s(attempt, luck) <= min(600, 2 * 2.0 ** min(attempt - 1, 40))


def test_back_off_doubles() -> None:
    """With the same luck each attempt waits twice as long, up to the cap."""
    policy = RetryPolicy(base_s=2, cap_s=20)
    assert [policy.delay_s(attempt, 0.5) for attempt in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=30))
def test_parents_come_first_and_nothing_is_lost(links: list[list[int]]) -> None:
    """Without circles every task comes once, after all of its parents in the batch."""
    parents = {str(n): [str(p) for p in of if p < n] for n, of in enumerate(links)}
    reversed_input = dict(reversed(parents.items()))
    for given_order in (parents, reversed_input):
        order = order_parents_first(given_order)
        assert sorted(order) == sorted(parents)
        place = {name: index for index, name in enumerate(order)}
        assert all(place[p] < place[name] for name, of in parents.items() for p in of)


def test_without_parents_the_order_stays() -> None:
    """Acceptance order is the order handed in; parents outside the batch do not matter."""
    assert order_parents_first({"c": [], "a": ["elsewhere"], "b": []}) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("parents", "ring"),
    [
        ({"a": ["a"]}, "a -> a"),
        ({"a": ["b"], "b": ["a"]}, "a -> b -> a"),
        ({"x": ["a"], "a": ["b"], "b": ["a"]}, "a -> b -> a"),
    ],
)
def test_a_circle_is_named(parents: dict[str, list[str]], ring: str) -> None:
    """The error shows the tasks of the circle, and no others."""
    with pytest.raises(ValueError, match=f"^{ring}$"):
        order_parents_first(parents)


def test_a_chain_of_ten_thousand_is_fine() -> None:
    """Depth is no recursion."""
    chain = {str(n): [str(n - 1)] for n in range(10_000, 0, -1)}
    assert order_parents_first(chain) == [str(n) for n in range(1, 10_001)]


@given(st.text(), st.integers(3, 40))
def test_clipped_text_fits_and_is_a_beginning(text: str, limit: int) -> None:
    """The result is at most `limit` bytes of UTF-8; what was cut ends in an ellipsis."""
    clipped = clip_bytes(text, limit)
    assert len(clipped.encode()) <= limit
    whole = text.encode("utf-8", "backslashreplace").decode()
    assert clipped == whole or (clipped.endswith("…") and whole.startswith(clipped[:-1]))


def test_the_nearest_name_is_offered() -> None:
    """A slip of the finger finds its name; something else entirely finds none."""
    assert nearest_name("cluade", ["claude", "gpt"]) == "claude"
    assert nearest_name("xyz", ["claude", "gpt"]) == ""


def test_a_clock_that_was_set_is_noticed() -> None:
    """The engine's clock and ours moving apart by more than the tolerance is a jump, in either direction."""
    assert not clock_jumped(1_000, 5.0, 11_000, 15.0, tolerance_s=1)
    assert not clock_jumped(1_000, 5.0, 11_900, 15.0, tolerance_s=1)
    assert clock_jumped(1_000, 5.0, 3_611_000, 15.0, tolerance_s=1)
    assert clock_jumped(5_000_000, 5.0, 1_410_000, 15.0, tolerance_s=1)
