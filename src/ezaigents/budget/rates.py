"""What tokens cost. Job: a price and its arithmetic, exact. Not its job: which model has which price (prices.py).

A US dollar per million tokens is 1,000,000 pico-dollars per token, so prices with six decimals are whole numbers here.
Where only the price of fresh input is known, a read from the cache counts like fresh input, a write for five minutes a
quarter more, for an hour twice that: as dear as any provider takes, so that no budget is overrun by what is not known.
"""

from __future__ import annotations

from fractions import Fraction

import msgspec

from ezaigents.records import Usage

_PICO_PER_MICRO = 1_000_000


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Pico-dollars per token. `cache_write_1h`: for an entry that is kept for an hour, not five minutes."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """Other rates for the whole of a request with more input tokens than `above`."""

    above: int
    rates: Rates


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs at one time.

    `model`: `provider:model`, as it stands in the table. `tiers`: by rising `above`. `batch`: factor for batched calls.
    `from_day`, `until_day`: first and last UTC day, "" = open. `unverified`: the source may be wrong or old.
    `assumed`: the rates nobody says, which are taken as dear as any provider takes.
    """

    model: str
    base: Rates
    tiers: tuple[Tier, ...] = ()
    batch: float = 1.0
    from_day: str = ""
    until_day: str = ""
    source: str = ""
    unverified: bool = False
    assumed: tuple[str, ...] = ()

    @property
    def free(self) -> bool:
        """True when no call costs anything, because somebody said so."""
        return not any((self.base.input, self.base.output, self.tiers))

    def rates_at(self, input_tokens: int) -> Rates:
        """Those for a request with so many input tokens, cached ones included."""
        fitting = [tier.rates for tier in self.tiers if input_tokens > tier.above]
        return fitting[-1] if fitting else self.base


def cost_microusd(usage: Usage, price: Price, *, kept_1h: bool = False, batch: bool = False) -> int:
    """What a call cost, rounded up. `kept_1h`: what it wrote into the cache is kept for an hour."""
    rates = price.rates_at(usage.input_total)
    pico = (
        usage.input * rates.input
        + usage.cache_read * rates.cache_read
        + usage.cache_write * (rates.cache_write_1h if kept_1h else rates.cache_write)
        + usage.output * rates.output
    )
    return _micro(pico, price.batch if batch else 1.0)


def worst_case_microusd(
    price: Price, input_tokens_bound: int, max_output_tokens: int, *, kept_1h: bool = False, batch: bool = False
) -> int:
    """The most that a call with at most so many tokens can cost: its input all fresh, read or written, in any tier."""
    reachable = [price.base, *(tier.rates for tier in price.tiers if input_tokens_bound > tier.above)]
    return max(
        _micro(
            input_tokens_bound
            * max(rates.input, rates.cache_read, rates.cache_write_1h if kept_1h else rates.cache_write)
            + max_output_tokens * rates.output,
            price.batch if batch else 1.0,
        )
        for rates in reachable
    )


def output_tokens_within(price: Price, amount_microusd: int, input_tokens_bound: int, most: int) -> int:
    """How many output tokens, `most` at most, a call can have so that it cannot cost more than an amount; 0 = none."""
    low, high = 0, most
    if worst_case_microusd(price, input_tokens_bound, most) <= amount_microusd:
        return most
    if worst_case_microusd(price, input_tokens_bound, 0) > amount_microusd:
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        fits = worst_case_microusd(price, input_tokens_bound, middle) <= amount_microusd
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _micro(pico: int, factor: float) -> int:
    if factor == 1:
        return -(-pico // _PICO_PER_MICRO)
    scaled = pico * Fraction(factor).limit_denominator(1_000_000)
    return -(-scaled.numerator // (scaled.denominator * _PICO_PER_MICRO))
