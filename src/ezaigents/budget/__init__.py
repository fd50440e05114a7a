"""What model calls may cost: holds before a call, settled after it, and the prices they are made from.

Job: budgets in the engine, their ledger, prices, forecasts. Not its job: calling models (providers), deciding what to
do when a limit is met (agents).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.budget.budget import Budget
    from ezaigents.budget.errors import BudgetRefused, HoldSettled, PriceUnknown
    from ezaigents.budget.forecast import Forecast, forecast_tasks
    from ezaigents.budget.ledger import read_ledger
    from ezaigents.budget.prices import KnownPrice, Prices, forget_price, set_price
    from ezaigents.budget.rates import Price, Rates, Tier, cost_microusd, output_tokens_within, worst_case_microusd
    from ezaigents.budget.scopes import SIMULATED, HoldName, Limits, ScopeState, Settled, microusd, shown_usd
    from ezaigents.budget.tokens import Density, InputRatio

__all__ = [
    "SIMULATED",
    "Budget",
    "BudgetRefused",
    "Density",
    "Forecast",
    "HoldName",
    "HoldSettled",
    "InputRatio",
    "KnownPrice",
    "Limits",
    "Price",
    "PriceUnknown",
    "Prices",
    "Rates",
    "ScopeState",
    "Settled",
    "Tier",
    "cost_microusd",
    "forecast_tasks",
    "forget_price",
    "microusd",
    "output_tokens_within",
    "read_ledger",
    "set_price",
    "shown_usd",
    "worst_case_microusd",
]

_FILES = {
    "budget": ("Budget",),
    "errors": ("BudgetRefused", "HoldSettled", "PriceUnknown"),
    "forecast": ("Forecast", "forecast_tasks"),
    "ledger": ("read_ledger",),
    "prices": ("KnownPrice", "Prices", "forget_price", "set_price"),
    "rates": ("Price", "Rates", "Tier", "cost_microusd", "output_tokens_within", "worst_case_microusd"),
    "scopes": ("SIMULATED", "HoldName", "Limits", "ScopeState", "Settled", "microusd", "shown_usd"),
    "tokens": ("Density", "InputRatio"),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
