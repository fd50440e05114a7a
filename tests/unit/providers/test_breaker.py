"""The circuit breaker: when it opens, whom it lets through, what closes it."""

from __future__ import annotations

from ezaigents.providers import breaker
from ezaigents.providers.breaker import FAULTS_TO_OPEN, Breaker

_NEVER = float("inf")


def _wait(state: Breaker, now_s: float, now_ms: int = 0) -> float:
    return breaker.wait_s(state, now_s=now_s, now_ms=now_ms)


def _opened(now_s: float = 0.0, luck: float = 0.5) -> Breaker:
    state = Breaker()
    for _ in range(FAULTS_TO_OPEN):
        state = breaker.after_fault(state, now_s=now_s, luck=luck, probe=False)
    return state


def test_faults_in_a_row_open_it() -> None:
    """The fifth fault in a row opens it, and not the fourth; an answer between them counts from nothing."""
    state = Breaker()
    for _ in range(FAULTS_TO_OPEN - 1):
        state = breaker.after_fault(state, now_s=0, luck=0.5, probe=False)
    assert _wait(state, 0) == 0
    assert _wait(breaker.after_fault(state, now_s=0, luck=0.5, probe=False), 0) > 0
    forgiven = breaker.after_answer(state)
    assert _wait(breaker.after_fault(forgiven, now_s=0, luck=0.5, probe=False), 0) == 0


def test_one_probe_at_a_time() -> None:
    """After the back-off one call goes and the others wait for it; one that learned nothing lets the next go."""
    state = _opened()
    later = state.open_until_s
    assert _wait(state, later - 0.1) > 0
    assert _wait(state, later) == 0
    state, probe = breaker.begin(state)
    assert probe
    assert _wait(state, later) == _NEVER
    assert _wait(breaker.after_nothing(state, probe=True), later) == 0
    assert _wait(breaker.after_nothing(state, probe=False), later) == _NEVER


def test_a_probe_decides() -> None:
    """Any answer closes it; a fault opens it anew, on the average for longer, up to five minutes."""
    state, _ = breaker.begin(_opened())
    assert breaker.after_answer(state) == Breaker()
    pauses = []
    for _ in range(12):
        state, _ = breaker.begin(state)
        state = breaker.after_fault(state, now_s=0, luck=0.999, probe=True)
        pauses.append(state.open_until_s)
        assert not state.probing
    assert pauses[0] < pauses[1] < pauses[2]
    assert max(pauses) <= 300


def test_calls_that_were_on_their_way_when_it_opened_do_not_open_it_further() -> None:
    """Fifty calls that fail together are one opening, not ten."""
    state = _opened()
    assert breaker.after_fault(state, now_s=5, luck=0.9, probe=False) == state


def test_an_unlucky_draw_is_still_a_pause() -> None:
    """Full jitter may draw nothing; a breaker that opens for no time is none."""
    assert _opened(luck=0.0).open_until_s >= 1.0


def test_a_stop_ends_at_its_time_or_after_an_hour() -> None:
    """A spending limit stops the provider until it said, or for an hour; answers on their way do not end it."""
    stopped = breaker.stopped(Breaker(), until_ms=90_000, now_ms=30_000)
    assert _wait(stopped, 0, 30_000) == 60
    assert _wait(breaker.after_answer(stopped), 0, 30_000) == 60
    assert _wait(stopped, 0, 90_000) == 0
    for unsaid in (0, 10_000):
        assert _wait(breaker.stopped(Breaker(), until_ms=unsaid, now_ms=30_000), 0, 30_000) == 3600
