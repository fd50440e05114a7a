"""What follows from a failed try. Job: decisions, as plain functions. Not its job: carrying them out (caller).

rate_limited    the key rests; the next key, else the same route if that is soon, else the next route
spend_limit     the provider is stopped; the next route
overloaded, server, timeout, unreachable, broken
                a fault of the provider; the same route after a back-off, four tries in all, then the next route
bad_key         the key is of no use; the next key
unknown_model, rejected
                the next route; this one will never do
too_long        given up at once: whoever asked makes the request shorter, which helps on every route
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ezaigents.policy import RetryPolicy
from ezaigents.providers.errors import CallFailed, FailureKind

TRIES_MOST = 4
"""Tries of one call on one route."""
PATIENCE_S = 5.0
"""A wait up to this is better than another model, which has nothing of the conversation cached."""
WAIT_MOST_S = 20.0
"""The longest wait in a slot; a longer one hands the task back, which costs no slot."""
REST_MOST_S = 300.0
"""The longest that a provider may send a key away for at once."""
_SAME_ROUTE = RetryPolicy(base_s=1.0, cap_s=WAIT_MOST_S)
_KEY_REST = RetryPolicy(base_s=2.0, cap_s=60.0)
_KEY_REST_LEAST_S = 0.5
_EXHAUSTED_S = 30.0

FAULTS = frozenset(
    {
        FailureKind.OVERLOADED,
        FailureKind.SERVER,
        FailureKind.TIMEOUT,
        FailureKind.UNREACHABLE,
        FailureKind.BROKEN,
    }
)
"""Failures that are the provider's own, and count towards its breaker."""


class Next(StrEnum):
    """What to do with a call after a failed try."""

    AGAIN = "again"
    OTHER_KEY = "other_key"
    OTHER_ROUTE = "other_route"
    GIVE_UP = "give_up"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What follows. `rest_s`: how long the route (`again`) or the key (`other_key`) is left alone.

    `never`: this route will never do for this call.
    """

    next: Next
    rest_s: float = 0.0
    never: bool = False


def follows(failure: CallFailed, *, tries: int, strikes: int, luck: float) -> Verdict:
    """Decide. `tries`: of this call on this route, this one counted. `strikes`: rate limits of this key in a row."""
    kind = failure.kind
    if kind is FailureKind.TOO_LONG:
        return Verdict(next=Next.GIVE_UP, never=True)
    if kind in (FailureKind.UNKNOWN_MODEL, FailureKind.REJECTED):
        return Verdict(next=Next.OTHER_ROUTE, never=True)
    if kind is FailureKind.SPEND_LIMIT:
        return Verdict(next=Next.OTHER_ROUTE)
    if kind is FailureKind.BAD_KEY:
        return Verdict(next=Next.OTHER_KEY)
    if kind is FailureKind.RATE_LIMITED:
        return Verdict(next=Next.OTHER_KEY, rest_s=_key_rest_s(failure, strikes, luck))
    rest_s = _fault_rest_s(failure, tries, luck)
    if tries >= TRIES_MOST:
        return Verdict(next=Next.OTHER_ROUTE, rest_s=max(rest_s, exhausted_s(luck)))
    return Verdict(next=Next.AGAIN, rest_s=rest_s)


def exhausted_s(luck: float) -> float:
    """When a call whose tries are spent may be made anew."""
    return _EXHAUSTED_S * (0.5 + luck)


def spread_s(delay_s: float, luck: float) -> float:
    """A delay that many callers are given at once, spread so that they do not come back at once."""
    return delay_s + luck * min(10.0, 1.0 + delay_s / 4)


def _key_rest_s(failure: CallFailed, strikes: int, luck: float) -> float:
    if failure.retry_after_s is not None:
        return min(REST_MOST_S, max(0.0, failure.retry_after_s))
    return max(_KEY_REST_LEAST_S, _KEY_REST.delay_s(strikes, luck))


def _fault_rest_s(failure: CallFailed, tries: int, luck: float) -> float:
    own_s = _SAME_ROUTE.delay_s(tries, luck)
    return max(own_s, min(REST_MOST_S, failure.retry_after_s or 0.0))
