"""Which route of a chain is next."""

from __future__ import annotations

import pytest

from ezaigents.errors import EzError
from ezaigents.providers.catalogue import Route
from ezaigents.providers.errors import CallFailed, FailureKind, NoRoute, RoutesBusy
from ezaigents.providers.journey import WAITED_MOST_S, Journey
from ezaigents.providers.policy import TRIES_MOST, Next, Verdict
from ezaigents.providers.standing import Hindrance

_A, _B = Route("a", "m"), Route("b", "m")
_NEVER = float("inf")


def _journey(*chain: Route, **waits: float) -> Journey:
    words = {name: Hindrance(f"{name} waits", wait_s) for name, wait_s in waits.items()}
    return Journey(chain, words.get)


def _ended(journey: Journey) -> EzError:
    with pytest.raises(EzError) as caught:
        journey.next(0.0, 0.5)
    return caught.value


@pytest.mark.parametrize(
    ("waits", "provider", "wait_s"),
    [
        ({}, "a", 0),
        ({"a": 4}, "a", 4),
        ({"a": 6}, "b", 0),
        ({"a": 6, "b": 4}, "b", 4),
        ({"a": 7, "b": 6}, "b", 6),
        ({"a": _NEVER}, "b", 0),
        ({"a": _NEVER, "b": 19}, "b", 19),
    ],
)
def test_the_first_that_is_free_soon_else_the_soonest(waits: dict[str, float], provider: str, wait_s: float) -> None:
    """A short wait is better than another model; a long one is not."""
    step = _journey(_A, _B, **waits).next(0.0, 0.5)
    assert (step.leg.route.provider, step.wait_s) == (provider, wait_s)


def test_a_long_wait_hands_the_task_back() -> None:
    """Nobody waits longer than 20 seconds in a slot; the delay is the soonest time, spread; each route says why."""
    busy = _ended(_journey(_A, _B, a=300, b=30))
    assert isinstance(busy, RoutesBusy)
    assert 30 <= busy.delay_s <= 40
    assert "a waits" in str(busy)
    assert "b waits" in str(busy)


def test_where_time_does_not_help_there_is_no_route() -> None:
    """No key anywhere is not a matter of waiting; nor is an empty chain."""
    ended = _ended(_journey(_A, _B, a=_NEVER, b=_NEVER))
    assert isinstance(ended, NoRoute)
    assert "a:m: a waits; b:m: b waits" in str(ended)
    assert isinstance(_ended(_journey()), NoRoute)


def test_what_a_route_refused_is_told_when_no_other_answers() -> None:
    """A rejected request goes to the next route, and is told as it was when there is none."""
    journey = _journey(_A, _B, b=_NEVER)
    failure = CallFailed(FailureKind.REJECTED, "no")
    journey.failed(journey.next(0.0, 0.5).leg, failure, Verdict(next=Next.OTHER_ROUTE, never=True), 0.0)
    assert _ended(journey) is failure
    journey = _journey(_A, _B)
    journey.failed(journey.next(0.0, 0.5).leg, failure, Verdict(next=Next.OTHER_ROUTE, never=True), 0.0)
    assert journey.next(0.0, 0.5).leg.route == _B


def test_four_tries_on_a_route() -> None:
    """A route whose tries are spent is not taken again in this call, however soon it is free."""
    journey = _journey(_A, _B)
    journey.next(0.0, 0.5).leg.tries = TRIES_MOST
    assert journey.next(0.0, 0.5).leg.route == _B
    journey.next(0.0, 0.5).leg.tries = TRIES_MOST
    assert isinstance(_ended(journey), RoutesBusy)


def test_waits_add_up() -> None:
    """Short waits without an end hand the task back too."""
    journey = _journey(_A, a=4)
    journey.waited_s = WAITED_MOST_S - 3
    assert isinstance(_ended(journey), RoutesBusy)


def test_a_route_twice_in_a_chain_is_one() -> None:
    """A chain that names a route twice does not double its tries."""
    journey = _journey(_A, _A)
    journey.next(0.0, 0.5).leg.tries = TRIES_MOST
    assert isinstance(_ended(journey), RoutesBusy)
