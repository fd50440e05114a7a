"""What a job will cost: a range that says what it is based on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ezaigents.budget import Price, Rates, cost_microusd, forecast_tasks
from ezaigents.budget.forecast import HISTORY_LEAST
from ezaigents.records import Usage

_RATES = Rates(input=2_000_000, output=10_000_000, cache_read=200_000, cache_write=2_500_000, cache_write_1h=4_000_000)
PRICE = Price(model="a:b", base=_RATES)
FREE = Price(model="a:*", base=Rates(input=0, output=0, cache_read=0, cache_write=0, cache_write_1h=0))
sizes = st.lists(st.integers(0, 1_000_000), min_size=1, max_size=20)


def test_past_tasks_tell_best() -> None:
    """The 10th, 50th and 90th percentile of what tasks of this agent and kind cost, times the tasks."""
    past = [100 * number for number in range(1, 11)]
    found = forecast_tasks([5, 5], PRICE, past)
    assert (found.low, found.likely, found.high, found.n) == (200, 1_000, 1_800, 10)
    assert "10 past tasks" in found.basis


def test_two_past_tasks_are_no_history() -> None:
    """Below three the size of the input and the price count, and it says so."""
    found = forecast_tasks([5], PRICE, [1] * (HISTORY_LEAST - 1))
    assert found.n == 0
    assert "the price of a:b" in found.basis
    assert found.low > 1


def test_the_formula_is_the_documented_one() -> None:
    """Without a cache, twenty steps: each sends all before it again."""
    tokens = [1_500 + 100 + 800 * step for step in range(20)]
    assert forecast_tasks([400], PRICE).high == sum(cost_microusd(Usage(input=t, output=500), PRICE) for t in tokens)


@given(sizes=sizes, past=st.lists(st.integers(0, 10**9), max_size=10))
def test_a_range_is_in_order_and_grows_with_the_job(sizes: list[int], past: list[int]) -> None:
    """Low, likely, high; a task more never makes it cheaper."""
    found, more = forecast_tasks(sizes, PRICE, past), forecast_tasks([*sizes, 10], PRICE, past)
    assert found.low <= found.likely <= found.high
    assert found.high <= more.high


def test_what_is_free_costs_nothing() -> None:
    """A model on one's own machine has a forecast of nothing."""
    found = forecast_tasks([1_000_000], FREE)
    assert (found.low, found.likely, found.high) == (0, 0, 0)
