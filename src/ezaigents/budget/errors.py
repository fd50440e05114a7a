"""What is refused for the sake of money.

LimitReached
└── BudgetRefused    a call would cost more than a limit leaves; says which, and how to raise it
ConfigError
└── PriceUnknown     nobody said what a model costs; a call of unknown price is not made
GiveUp
└── HoldSettled      the name of this hold belongs to a call that has ended
"""

from __future__ import annotations

from ezaigents.budget.scopes import SIMULATED, day_of_scope, shown_usd
from ezaigents.errors import ConfigError, GiveUp, LimitReached

_SETTINGS = {
    "call": "budget_task_usd",
    "task": "budget_task_usd",
    "agent": "budget_agent_usd",
    "day": "budget_day_usd",
    "all": "budget_total_usd",
}


class BudgetRefused(LimitReached):
    """A call was not made: `wanted` more would pass the `limit` of `scope`. All money in micro-dollars."""

    def __init__(self, scope: str, *, limit: int, spent: int, reserved: int, wanted: int) -> None:
        self.scope = scope
        self.limit = limit
        self.spent = spent
        self.reserved = reserved
        self.wanted = wanted
        super().__init__(f"{self.facts}; {_advice(scope)}")

    @property
    def facts(self) -> str:
        """Whose budget it is, and its figures."""
        return f"the budget of {_owner(self.scope)} does not allow this call: {self._figures()}"

    @property
    def may_pass(self) -> bool:
        """Whether there is money enough once running calls have given back what they do not need."""
        return self.spent + self.wanted <= self.limit

    @property
    def left(self) -> int:
        """What the limit leaves."""
        return max(0, self.limit - self.spent - self.reserved)

    @property
    def setting(self) -> str:
        """The setting that holds the limit; "" for a run's own."""
        return _SETTINGS.get(self.scope.removeprefix(SIMULATED).partition(":")[0], "")

    def _figures(self) -> str:
        if self.limit == 0:
            return f"its limit is 0, so no paid call is made, and this one may cost {shown_usd(self.wanted)}"
        held = f", {shown_usd(self.reserved)} held by running calls" if self.reserved else ""
        return (
            f"{shown_usd(self.left)} of {shown_usd(self.limit)} is left ({shown_usd(self.spent)} spent{held}), "
            f"and it may cost {shown_usd(self.wanted)}"
        )


class PriceUnknown(ConfigError):
    """No price is known for `model`, as `provider:model`."""

    def __init__(self, model: str, why: str = "") -> None:
        self.model = model
        super().__init__(
            f"no price is known for {model}{why}, and a call that may cost anything is not made; "
            f"say what it costs, in USD per million tokens: `ez prices set {model} --input X --output Y`"
        )


class HoldSettled(GiveUp):
    """A hold is asked for under the name of a call that has ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the hold {name} was settled before; another call needs another try number")


def _owner(scope: str) -> str:
    sort, _, rest = scope.removeprefix(SIMULATED).partition(":")
    match sort:
        case "task" | "run":
            return f"{sort} {rest}"
        case "agent":
            return f"agent {rest.rpartition(':')[0]} for {day_of_scope(scope)}"
        case "day":
            return f"the day {rest}"
        case "call":
            return "a single call"
        case _:
            return "everything"


def _advice(scope: str) -> str:
    sort = scope.removeprefix(SIMULATED).partition(":")[0]
    if sort == "run":
        return "hand the job in again with a larger `--budget`"
    setting = _SETTINGS.get(sort, "budget_total_usd")
    advice = f"raise `{setting}` (in ezaigents.toml, or EZ_{setting.upper()}), `ez down`, `ez up`, then `ez retry`"
    return f"{advice}, or wait: it begins anew at the next 00:00 UTC" if day_of_scope(scope) else advice
