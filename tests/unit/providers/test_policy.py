"""What follows from each failure, as a table."""

from __future__ import annotations

import pytest

from ezaigents.providers.errors import CallFailed, FailureKind
from ezaigents.providers.policy import FAULTS, REST_MOST_S, TRIES_MOST, Next, follows, spread_s

_K = FailureKind


@pytest.mark.parametrize(
    ("kind", "then", "never"),
    [
        (_K.RATE_LIMITED, Next.OTHER_KEY, False),
        (_K.BAD_KEY, Next.OTHER_KEY, False),
        (_K.SPEND_LIMIT, Next.OTHER_ROUTE, False),
        (_K.OVERLOADED, Next.AGAIN, False),
        (_K.SERVER, Next.AGAIN, False),
        (_K.TIMEOUT, Next.AGAIN, False),
        (_K.UNREACHABLE, Next.AGAIN, False),
        (_K.BROKEN, Next.AGAIN, False),
        (_K.UNKNOWN_MODEL, Next.OTHER_ROUTE, True),
        (_K.REJECTED, Next.OTHER_ROUTE, True),
        (_K.TOO_LONG, Next.GIVE_UP, True),
    ],
)
def test_the_table(kind: FailureKind, then: Next, never: bool) -> None:
    """Each kind has one consequence at its first try; what will never do on a route is never tried there again."""
    verdict = follows(CallFailed(kind, "x"), tries=1, strikes=1, luck=0.5)
    assert (verdict.next, verdict.never) == (then, never)


def test_the_table_is_whole() -> None:
    """No kind of failure is without a consequence, and faults are what the provider can be blamed for."""
    for kind in FailureKind:
        assert follows(CallFailed(kind, "x"), tries=1, strikes=1, luck=0.5).next
    assert {kind.value for kind in FAULTS} == {"overloaded", "server", "timeout", "unreachable", "broken"}


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_fault_is_tried_four_times(kind: FailureKind) -> None:
    """Back-offs with full jitter, growing and bounded; the fourth failure goes on to the next route."""
    failure = CallFailed(kind, "x")
    rests = [follows(failure, tries=tries, strikes=1, luck=1.0) for tries in range(1, TRIES_MOST + 1)]
    assert [verdict.next for verdict in rests] == [Next.AGAIN] * (TRIES_MOST - 1) + [Next.OTHER_ROUTE]
    assert [verdict.rest_s for verdict in rests[:3]] == [1.0, 2.0, 4.0]
    assert follows(failure, tries=1, strikes=1, luck=0.0).rest_s == 0.0


def test_what_the_provider_asks_for_is_honoured_up_to_five_minutes() -> None:
    """Retry-After is the rest of the key, and of the route where the provider is overloaded; an absurd one is cut."""
    for asked_s, rest_s in ((0.0, 0.0), (7.0, 7.0), (1e9, REST_MOST_S)):
        limited = CallFailed(_K.RATE_LIMITED, "x", retry_after_s=asked_s)
        assert follows(limited, tries=1, strikes=9, luck=0.5).rest_s == rest_s
        overloaded = CallFailed(_K.OVERLOADED, "x", retry_after_s=asked_s)
        assert follows(overloaded, tries=1, strikes=1, luck=0.0).rest_s == rest_s


def test_a_limit_without_a_time_rests_the_key_for_longer_each_time() -> None:
    """Without Retry-After the rest grows with the strikes of that key, and is never nothing."""
    limited = CallFailed(_K.RATE_LIMITED, "x")
    rests = [follows(limited, tries=1, strikes=strikes, luck=0.999).rest_s for strikes in (1, 2, 3, 20)]
    assert rests == sorted(rests)
    assert rests[-1] <= 60
    assert follows(limited, tries=1, strikes=1, luck=0.0).rest_s > 0


def test_many_who_are_sent_away_do_not_come_back_at_once() -> None:
    """Delays are spread, never below what was asked, never by more than ten seconds."""
    assert {spread_s(100, luck) for luck in (0.0, 0.5)} == {100.0, 105.0}
    assert spread_s(1e6, 0.999) < 1e6 + 10
