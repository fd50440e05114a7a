"""What tokens cost: exact, rounded up, by tier, cache and batch; and never less than what a call may cost."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ezaigents.budget import Price, Rates, Tier, cost_microusd, output_tokens_within, worst_case_microusd
from ezaigents.records import Usage

_USD = 1_000_000
"""Pico-dollars per token, of a price of one dollar per million tokens."""
_BASE = Rates(
    input=2 * _USD, output=10 * _USD, cache_read=_USD // 5, cache_write=5 * _USD // 2, cache_write_1h=4 * _USD
)
_HIGH = Rates(input=4 * _USD, output=15 * _USD, cache_read=2 * _USD // 5, cache_write=5 * _USD, cache_write_1h=8 * _USD)
PRICE = Price(model="a:b", base=_BASE, tiers=(Tier(above=200_000, rates=_HIGH),), batch=0.5)

tokens = st.integers(0, 400_000)
usages = st.builds(Usage, input=tokens, cache_read=tokens, cache_write=tokens, output=tokens)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), 0),
        (Usage(input=1), 2),
        (Usage(output=3), 30),
        (Usage(cache_read=1), 1),
        (Usage(cache_read=5), 1),
        (Usage(cache_read=6), 2),
        (Usage(cache_write=3), 8),
        (Usage(input=1000, cache_read=1000, cache_write=1000, output=1000, reasoning=900), 14_700),
        (Usage(input=200_000), 400_000),
        (Usage(input=200_001, output=1), 800_004 + 15),
        (Usage(input=1, cache_read=200_000), 4 + 80_000),
    ],
)
def test_a_call_costs_what_its_tokens_cost(usage: Usage, cost: int) -> None:
    """Each kind of token at its own rate; thinking is output; the whole request moves to a tier by all of its input."""
    assert cost_microusd(usage, PRICE) == cost


def test_what_is_kept_for_an_hour_costs_more() -> None:
    """A cache write has two prices, by how long it is kept."""
    assert cost_microusd(Usage(cache_write=1000), PRICE) == 2_500
    assert cost_microusd(Usage(cache_write=1000), PRICE, kept_1h=True) == 4_000


def test_a_batch_costs_its_share() -> None:
    """The factor of the price, only where the call is batched, rounded up once."""
    assert cost_microusd(Usage(input=1000, output=1), PRICE, batch=True) == 1_005
    assert cost_microusd(Usage(cache_read=1), PRICE, batch=True) == 1
    tenth = msgspec.structs.replace(PRICE, batch=0.1)
    assert cost_microusd(Usage(input=5), tenth, batch=True) == 1


def test_a_price_of_four_decimals_is_exact() -> None:
    """0.0028 dollars per million: a million tokens cost 2,800 micro-dollars, not one more."""
    rates = Rates(input=140_000, output=280_000, cache_read=2_800, cache_write=175_000, cache_write_1h=280_000)
    price = Price(model="a:b", base=rates)
    assert cost_microusd(Usage(cache_read=1_000_000), price) == 2_800
    assert cost_microusd(Usage(input=10), price) == 2


@given(usage=usages)
def test_the_cost_is_the_sum_rounded_up(usage: Usage) -> None:
    """To the next whole micro-dollar, however large the numbers."""
    rates = PRICE.rates_at(usage.input_total)
    exact = Fraction(
        usage.input * rates.input
        + usage.cache_read * rates.cache_read
        + usage.cache_write * rates.cache_write
        + usage.output * rates.output,
        10**6,
    )
    assert exact <= cost_microusd(usage, PRICE) < exact + 1


@given(usage=usages, more=st.integers(0, 300_000), kept_1h=st.booleans(), batch=st.booleans())
def test_no_call_costs_more_than_its_worst_case(usage: Usage, more: int, kept_1h: bool, batch: bool) -> None:
    """With any input up to the bound, cached in any way, in any tier, and any output up to its limit."""
    worst = worst_case_microusd(PRICE, usage.input_total + more, usage.output, kept_1h=kept_1h, batch=batch)
    assert cost_microusd(usage, PRICE, kept_1h=kept_1h, batch=batch) <= worst


def test_a_tier_that_is_cheaper_does_not_lower_the_worst_case() -> None:
    """A request may stay below the tier that its bound reaches."""
    odd = Price(model="a:b", base=_HIGH, tiers=(Tier(above=10, rates=_BASE),))
    assert worst_case_microusd(odd, 11, 0) == 11 * 5
    assert worst_case_microusd(odd, 10, 0) == 10 * 5


@given(amount=st.integers(0, 5_000_000), bound=st.integers(0, 300_000), most=st.integers(0, 128_000))
def test_output_is_shrunk_to_what_fits(amount: int, bound: int, most: int) -> None:
    """The largest number of output tokens whose worst case the amount covers, and not one more."""
    fits = output_tokens_within(PRICE, amount, bound, most)
    assert 0 <= fits <= most
    assert not fits or worst_case_microusd(PRICE, bound, fits) <= amount
    assert fits == most or worst_case_microusd(PRICE, bound, fits + 1) > amount


def test_only_what_is_said_to_be_free_is_free() -> None:
    """All rates are nothing, in every tier."""
    nothing = Rates(input=0, output=0, cache_read=0, cache_write=0, cache_write_1h=0)
    assert Price(model="a:b", base=nothing).free
    assert not PRICE.free
    assert not Price(model="a:b", base=nothing, tiers=(Tier(above=1, rates=_BASE),)).free
