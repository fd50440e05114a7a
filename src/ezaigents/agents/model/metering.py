"""What a call may cost and did cost. Job: a hold before each try, settled after it. Not its job: the ledger (budget).

Implements `providers.Meter` for one attempt at a task, and for a call that belongs to none.
"""

from __future__ import annotations

from typing import Self

import msgspec

from ezaigents.agents.model.limits import Limits
from ezaigents.agents.model.services import Services
from ezaigents.budget import (
    BudgetRefused,
    HoldName,
    Price,
    PriceUnknown,
    cost_microusd,
    output_tokens_within,
    worst_case_microusd,
)
from ezaigents.budget import Limits as BudgetLimits
from ezaigents.providers import CallFailed, FailureKind, Request, Reservation, Route
from ezaigents.records import Claim, Usage
from ezaigents.settings import Settings

LEAST_OUTPUT_TOKENS = 1024
"""A reply cut shorter than this helps nobody."""
_AFTER_CALL_S = 60.0
"""A hold outlives the longest call by this much; then it counts as spent."""


class _Hold(msgspec.Struct, frozen=True):
    name: HoldName
    price: Price
    granted: int
    body_bytes: int


class _Payer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose calls they are. `most`: what they may cost together, None = what their task's budget says."""

    task: str
    fence: int = 0
    agent: str
    run: str = ""
    most: int | None = None


class CallMeter:
    """`begin` each step; `spent`: micro-dollars settled since then."""

    def __init__(self, services: Services, payer: _Payer, limits: BudgetLimits, settings: Settings) -> None:
        self._services = services
        self._payer = payer
        self._ttl_s = settings.model_call_s + _AFTER_CALL_S
        self._limits = limits
        self._holds: dict[str, _Hold] = {}
        self._simulated = settings.models == "simulated"
        self._step = 0
        self._tries = 0
        self.spent = 0

    @classmethod
    def of_task(cls, services: Services, claim: Claim, limits: Limits, run_microusd: int, settings: Settings) -> Self:
        """The meter of one attempt at a task."""
        budgets = msgspec.structs.replace(BudgetLimits.of(settings, run_microusd=run_microusd), task=limits.microusd)
        return cls(
            services, _Payer(task=claim.id, fence=claim.fence, agent=claim.agent, run=claim.run), budgets, settings
        )

    @classmethod
    def of_call(cls, services: Services, call_id: str, agent: str, most: int, settings: Settings) -> Self:
        """The meter of one call that belongs to no task. `most`: micro-dollars that it may cost, all tries together."""
        budgets = msgspec.structs.replace(BudgetLimits.of(settings), task=None)
        return cls(services, _Payer(task=call_id, agent=agent, most=most), budgets, settings)

    def begin(self, step: int) -> None:
        """The tries that follow are of this step."""
        self._step = step
        self.spent = 0

    async def reserve(self, route: Route, request: Request, body_bytes: int, attempt: int) -> Reservation:
        """Hold the worst that this try can cost, with as much output as fits.

        Raises BudgetRefused; CallFailed where no price is known, which another route may have.
        """
        services, payer = self._services, self._payer
        try:
            price = services.prices.known_price(route.provider, route.model, services.clock.wall_ms())
        except PriceUnknown as error:
            raise CallFailed(FailureKind.REJECTED, str(error)) from error
        input_tokens = services.ratio.bound(str(route), body_bytes)
        most = request.max_output_tokens
        self._tries += 1  # not `attempt`: a step whose call was given up is called again
        name = HoldName(payer.task, payer.fence, self._step, self._tries)
        amount = worst_case_microusd(price, input_tokens, most)
        least = worst_case_microusd(price, input_tokens, min(most, LEAST_OUTPUT_TOKENS))
        granted = await services.budget.reserve(
            name,
            agent=payer.agent,
            run=payer.run,
            amount=self._within(amount, least),
            least=least,
            limits=self._limits,
            ttl_s=self._ttl_s,
            simulated=self._simulated,
            model=str(route),
        )
        self._holds[str(name)] = _Hold(name, price, granted, body_bytes)
        return Reservation(str(name), output_tokens_within(price, granted, input_tokens, most))

    def _within(self, amount: int, least: int) -> int:
        """What of it the payer's own limit leaves. Raises BudgetRefused."""
        if self._payer.most is None:
            return amount
        left = max(0, self._payer.most - self.spent)
        if least > left:
            raise BudgetRefused("call", limit=self._payer.most, spent=self.spent, reserved=0, wanted=least)
        return min(amount, left)

    def cost_of(self, usage: Usage | None) -> int:
        """What the whole answer to the try on its way costs, before that is settled; 0 where nothing is held for it."""
        hold = next(reversed(self._holds.values()), None)
        return cost_microusd(usage, hold.price) if usage is not None and hold is not None else 0

    async def settle(self, reservation: Reservation, route: Route, usage: Usage | None, *, sent: bool) -> None:
        """Put the real cost in the place of the hold; an outcome nobody knows costs all of it."""
        hold = self._holds.pop(reservation.name)
        cost: int | None = 0
        if usage is not None:
            cost = cost_microusd(usage, hold.price)
            self._services.ratio.learn(str(route), hold.body_bytes, usage.input_total)
        elif sent:
            cost = None
        self.spent += hold.granted if cost is None else cost
        await self._services.budget.settle(hold.name, cost, usage)
