"""How many tokens a request can have: bytes until it is learned, then the densest request and a margin."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ezaigents.budget import Density, InputRatio
from ezaigents.budget.tokens import LEARNED_AFTER, MARGIN

requests = st.lists(st.tuples(st.integers(1, 1_000_000), st.integers(0, 1_000_000)), max_size=20)


def test_until_it_is_learned_a_token_is_a_byte() -> None:
    """Nothing is known of a model before its third request was counted."""
    ratio = InputRatio()
    for _ in range(LEARNED_AFTER - 1):
        ratio.learn("a:b", 1000, 250)
        assert ratio.bound("a:b", 1000) == 1000
    ratio.learn("a:b", 1000, 250)
    assert ratio.bound("a:b", 1000) == math.ceil(250 * MARGIN)


def test_models_count_apart() -> None:
    """What one model taught says nothing of another."""
    ratio = InputRatio()
    for _ in range(LEARNED_AFTER):
        ratio.learn("a:b", 1000, 250)
    assert ratio.bound("a:c", 1000) == 1000


def test_a_request_of_no_bytes_teaches_nothing() -> None:
    """There is no density of nothing."""
    assert Density().after(0, 7) == Density()
    assert Density().after(10, -1) == Density()


@given(seen=requests)
def test_the_bound_is_never_below_what_was_seen(seen: list[tuple[int, int]]) -> None:
    """For each request that was counted, at any time, the bound covers what was counted."""
    density = Density()
    for size, tokens in seen:
        density = density.after(size, tokens)
    assert density.seen == len(seen)
    assert all(density.bound(size) >= tokens for size, tokens in seen)


@given(seen=requests, size=st.integers(0, 1_000_000))
def test_more_bytes_never_have_a_lower_bound(seen: list[tuple[int, int]], size: int) -> None:
    """The bound grows with the request."""
    density = Density()
    for one in seen:
        density = density.after(*one)
    assert density.bound(size) <= density.bound(size + 1)
