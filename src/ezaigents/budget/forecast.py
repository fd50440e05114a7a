"""What a job will cost, before it is handed in: a range, and what it is based on. Job: the arithmetic, pure.

From at least three past tasks of the same agent and kind: low, likely and high are their 10th, 50th and 90th percentile
(the nearest above), times the number of tasks. Without them, from the files and the price, per task of b bytes:

    tokens(s) = s x (1500 + b / 4) + 800 x s x (s - 1) / 2     input of s steps: each sends all before it again
    cost(s)   = tokens(s) x input price + s x 500 x output price

with 3, 8 and 20 steps; low and likely take input that was sent before at the price of a cache read, high does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from ezaigents.budget.rates import Price, cost_microusd
from ezaigents.records import Usage

HISTORY_LEAST = 3
STEPS = (3, 8, 20)
PROMPT_TOKENS = 1_500
BYTES_PER_TOKEN = 4
TOKENS_PER_STEP = 800
OUTPUT_PER_STEP = 500


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """Micro-dollars for a whole job. `basis`: what it is based on, for people; `n`: how many past tasks, 0 = none."""

    low: int
    likely: int
    high: int
    basis: str
    n: int


def forecast_tasks(sizes_bytes: Sequence[int], price: Price, past_costs: Sequence[int] = ()) -> Forecast:
    """What tasks over so many bytes each will cost. `past_costs`: of the same agent and kind."""
    if len(past_costs) >= HISTORY_LEAST:
        return _from_history(len(sizes_bytes), past_costs)
    low, likely, high = (
        sum(_task(size, price, steps, cached=steps != STEPS[-1]) for size in sizes_bytes) for steps in STEPS
    )
    basis = f"the size of the input and the price of {price.model}, with {STEPS[0]} to {STEPS[-1]} steps a task"
    return Forecast(low=low, likely=likely, high=high, basis=basis, n=0)


def _from_history(tasks: int, past_costs: Sequence[int]) -> Forecast:
    ordered = sorted(past_costs)
    low, likely, high = (tasks * _percentile(ordered, share) for share in (0.1, 0.5, 0.9))
    basis = f"{len(ordered)} past tasks of this agent and kind"
    return Forecast(low=low, likely=likely, high=high, basis=basis, n=len(ordered))


def _percentile(ordered: Sequence[int], share: float) -> int:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _task(size_bytes: int, price: Price, steps: int, *, cached: bool) -> int:
    cost = sent = 0
    tokens = PROMPT_TOKENS + math.ceil(size_bytes / BYTES_PER_TOKEN)
    for _ in range(steps):
        read = sent if cached else 0
        usage = Usage(input=tokens - read, cache_read=read, output=OUTPUT_PER_STEP)
        cost += cost_microusd(usage, price)
        sent, tokens = tokens, tokens + TOKENS_PER_STEP
    return cost
