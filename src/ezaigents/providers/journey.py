"""One call on its way along a chain of routes. Job: which is next, when, and why none is. Not its job: asking them.

The first route that is free now, or within everybody's patience, is taken; else the one that is free soonest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ezaigents.providers import policy
from ezaigents.providers.catalogue import Route
from ezaigents.providers.errors import CallFailed, FailureKind, NoRoute, RoutesBusy
from ezaigents.providers.policy import Verdict
from ezaigents.providers.standing import Hindrance

WAITED_MOST_S = 60.0
"""All waits of one call together; after that its task is handed back."""


class Leg:
    """A route of the chain, and what one call met on it. `rests_until_s`: by the monotonic clock."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.tries = 0
        self.rests_until_s = 0.0
        self.never = False
        self.failure: CallFailed | None = None

    @property
    def is_spent(self) -> bool:
        """All its tries were made."""
        return self.tries >= policy.TRIES_MOST


class Step(msgspec.Struct, frozen=True):
    """What is next: this leg, after a wait of so long (0 = now)."""

    leg: Leg
    wait_s: float


class Journey:
    """The legs of a call, in the order of the chain. `hindrance`: why a provider cannot be asked now."""

    def __init__(self, chain: Sequence[Route], hindrance: Callable[[str], Hindrance | None]) -> None:
        self._legs = [Leg(route) for route in dict.fromkeys(chain)]
        self._hindrance = hindrance
        self.waited_s = 0.0

    @property
    def tries(self) -> int:
        """Tries on all routes."""
        return sum(leg.tries for leg in self._legs)

    def next(self, now_s: float, luck: float) -> Step:
        """The next step. Raises NoRoute, RoutesBusy, and the CallFailed of a request that no route takes."""
        waits = {leg: self._wait_s(leg, now_s) for leg in self._legs if not leg.never and not leg.is_spent}
        soon = [leg for leg, wait_s in waits.items() if wait_s <= policy.PATIENCE_S]
        best = soon[0] if soon else min(waits, key=lambda leg: waits[leg], default=None)
        if best is None or waits[best] > policy.WAIT_MOST_S or self.waited_s + waits[best] > WAITED_MOST_S:
            raise self._hindered(now_s, luck)
        return Step(best, waits[best])

    def failed(self, leg: Leg, failure: CallFailed, verdict: Verdict, now_s: float) -> None:
        """Note what a try came to. `verdict`: where the rest is the route's own."""
        leg.failure = failure
        leg.never = leg.never or verdict.never
        leg.rests_until_s = now_s + verdict.rest_s

    def _wait_s(self, leg: Leg, now_s: float) -> float:
        hindrance = self._hindrance(leg.route.provider)
        return max(0.0, leg.rests_until_s - now_s, hindrance.wait_s if hindrance else 0.0)

    def _hindered(self, now_s: float, luck: float) -> NoRoute | RoutesBusy | CallFailed:
        if not self._legs:
            return NoRoute("no model is named; give the agent one, as PROVIDER:MODEL")
        why = "; ".join(f"{leg.route}: {self._why_not(leg)}" for leg in self._legs)
        waits = [self._wait_s(leg, now_s) for leg in self._legs if not leg.never]
        soonest_s = min(waits, default=float("inf"))
        if soonest_s < float("inf"):
            delay_s = policy.spread_s(max(soonest_s, 1.0), luck)
            return RoutesBusy(f"no model can be asked now ({why})", delay_s)
        refusals = [leg.failure for leg in self._legs if leg.failure and leg.failure.kind is FailureKind.REJECTED]
        return refusals[0] if refusals else NoRoute(f"no model can be asked: {why}")

    def _why_not(self, leg: Leg) -> str:
        hindrance = self._hindrance(leg.route.provider)
        said = str(leg.failure).removeprefix(f"{leg.route}: ") if leg.failure else ""
        if hindrance and not leg.never:
            return f"{hindrance.words} (last: {said})" if said else hindrance.words
        return said or "waits for its turn"
