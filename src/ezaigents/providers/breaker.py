"""Whether a provider may be asked. Job: a circuit breaker and a stop, as facts and plain functions of them.

Not its job: single keys (keys.py), what follows from one failure (policy.py). Clocks and luck are passed in.

Closed: every call goes. Five faults in a row open it; after a back-off with full jitter, up to five minutes, one call
at a time goes as a probe: any answer closes it, a fault opens it for longer. A stop (a spending limit) has its own end.
"""

from __future__ import annotations

import msgspec

from ezaigents.policy import RetryPolicy

FAULTS_TO_OPEN = 5
STOP_S = 3600.0
"""How long a provider is left alone after a spending limit whose end it did not say."""
_BACK_OFF = RetryPolicy(base_s=5.0, cap_s=300.0)
_LEAST_S = 1.0
"""Below this, an unlucky draw would make the breaker no pause at all."""


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider fared. `faults`, `openings`: in a row; no opening = closed.

    `open_until_s`: by the monotonic clock; from then on one call at a time may go; `probing`: one is on its way.
    `stopped_until_ms`: by the wall clock, 0 = not stopped.
    """

    faults: int = 0
    openings: int = 0
    open_until_s: float = 0.0
    probing: bool = False
    stopped_until_ms: int = 0

    @property
    def is_closed(self) -> bool:
        """Whether every call may go, but for a stop."""
        return not self.openings


def wait_s(breaker: Breaker, *, now_s: float, now_ms: int) -> float:
    """Seconds until a call may go; 0 = now; infinite while a probe is out, which ends it sooner or later."""
    stopped_s = max(0.0, (breaker.stopped_until_ms - now_ms) / 1000)
    if breaker.is_closed or stopped_s:
        return stopped_s
    if breaker.open_until_s > now_s:
        return breaker.open_until_s - now_s
    return float("inf") if breaker.probing else 0.0


def begin(breaker: Breaker) -> tuple[Breaker, bool]:
    """Let a call go; the second says whether it is the probe, which must be told to one of the functions below."""
    if breaker.is_closed:
        return breaker, False
    return msgspec.structs.replace(breaker, probing=True), True


def after_fault(breaker: Breaker, *, now_s: float, luck: float, probe: bool) -> Breaker:
    """The provider failed a call. One that began before it opened says nothing new."""
    if not breaker.is_closed and not probe:
        return breaker
    faults = breaker.faults + 1
    if faults < FAULTS_TO_OPEN and not probe:
        return msgspec.structs.replace(breaker, faults=faults)
    openings = breaker.openings + 1
    pause_s = max(_LEAST_S, _BACK_OFF.delay_s(openings, luck))
    return msgspec.structs.replace(
        breaker, faults=faults, openings=openings, open_until_s=now_s + pause_s, probing=False
    )


def after_answer(breaker: Breaker) -> Breaker:
    """The provider answered, be it a refusal: it is there."""
    if not breaker.faults and breaker.is_closed:
        return breaker
    return Breaker(stopped_until_ms=breaker.stopped_until_ms)


def after_nothing(breaker: Breaker, *, probe: bool) -> Breaker:
    """A call ended before anything was learned: it was cancelled, or never sent. The next may probe."""
    return msgspec.structs.replace(breaker, probing=False) if probe else breaker


def stopped(breaker: Breaker, *, until_ms: int, now_ms: int) -> Breaker:
    """A spending limit was met; `until_ms`: its end, 0 = not said."""
    end_ms = until_ms if until_ms > now_ms else now_ms + round(STOP_S * 1000)
    return msgspec.structs.replace(breaker, stopped_until_ms=end_ms)
