"""Words of budgets as records. Job: a hold's name, limits, what a scope has counted. Not its job: counting.

Money is whole micro-dollars (one US dollar is 1,000,000 of them).
"""

from __future__ import annotations

from typing import Self

import msgspec

from ezaigents.settings import Settings

MICROUSD_PER_USD = 1_000_000
SIMULATED = "sim-"
"""With this begin the scopes of simulated models: what was never spent takes nothing from what may be."""
MOST_MICROUSD = 2**50
"""About 1.1 billion dollars: sums of such amounts are exact in the engine's scripts, which count in doubles."""


class HoldName(msgspec.Struct, frozen=True):
    """Which call a hold is for: the task, the fence of its claim, the step, and which try at that step's call.

    A call that belongs to no task has an id of its own in the task's place. Two calls must not share a name: the second
    would be taken for the first, repeated.
    """

    task: str
    fence: int
    step: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.task}:{self.fence}:{self.step}:{self.attempt}"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent, in micro-dollars. 0 = no paid call at all; but `run` 0: the run has no limit of its own.

    `task` None: the call belongs to no task, and counts in none.

    `agent` and `day` are for one UTC day, by the engine's clock; `total` for as long as the engine's data lives.
    """

    task: int | None
    agent: int
    day: int
    total: int
    run: int = 0

    @classmethod
    def of(cls, settings: Settings, *, run_microusd: int = 0) -> Self:
        """Those of the settings, and a run's own."""
        return cls(
            task=microusd(settings.budget_task_usd),
            agent=microusd(settings.budget_agent_usd),
            day=microusd(settings.budget_day_usd),
            total=microusd(settings.budget_total_usd),
            run=run_microusd,
        )


class ScopeState(msgspec.Struct, frozen=True, kw_only=True):
    """What one scope has counted.

    `scope`: `task:<id>`, `run:<id>`, `agent:<name>:<day>`, `model:<provider>:<model>:<day>`, `day:<day>` or `all`; the
    last four with `sim-` before them where models are simulated. `limit`: as it was at the last reservation; a model
    has none. `reserved`: what open holds have set aside. `calls`, `input_tokens`, `output_tokens`: of settled calls.
    `used_ms`: when it last changed, 0 = not known.
    """

    scope: str
    limit: int = 0
    spent: int = 0
    reserved: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    used_ms: int = 0

    @property
    def left(self) -> int:
        """What may still be set aside; never below 0."""
        return max(0, self.limit - self.spent - self.reserved)

    @property
    def has_limit(self) -> bool:
        """False for a model's day: it is only counted."""
        return not self.scope.removeprefix(SIMULATED).startswith("model:")

    @property
    def day(self) -> str:
        """The UTC day it is for, `yyyy-mm-dd`; "" = it is not for a day."""
        return day_of_scope(self.scope)


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """How a hold ended. `held`: what was set aside; `spent`: what is counted.

    `known` False: there was no such hold, or it ended as spent more than an hour ago; nothing was counted now.
    """

    held: int
    spent: int
    known: bool = True


def day_of_scope(scope: str) -> str:
    """The UTC day in a scope's name; "" for one that is not for a day."""
    sort, _, rest = scope.removeprefix(SIMULATED).partition(":")
    if sort == "day":
        return rest
    return rest.rpartition(":")[2] if sort in ("agent", "model") else ""


def microusd(amount_usd: float) -> int:
    """Dollars as micro-dollars, to the nearest."""
    return round(amount_usd * MICROUSD_PER_USD)


def shown_usd(amount_microusd: int) -> str:
    """Money for people: two decimals, and more where they would hide what there is."""
    whole, part = divmod(abs(amount_microusd), MICROUSD_PER_USD)
    digits = f"{part:06}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_microusd < 0 else ''}{whole:,}.{digits} USD"
