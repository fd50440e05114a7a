"""When the next sweep is due."""

from __future__ import annotations

import time

from ezaigents.engine import Address, Connection
from ezaigents.queue import Keys, Queue
from ezaigents.runtime.sweep import Sweeper
from ezaigents.settings import Settings


def _sweeper(**settings: float) -> Sweeper:
    queue = Queue(Connection(Address(path="/nowhere")), Keys("n"))
    return Sweeper(queue, Settings(**settings), notice=lambda lane: None, paused=lambda names: None)  # type: ignore[arg-type]


def test_with_nothing_due_it_sleeps_its_whole_time() -> None:
    """There is no tick: with nothing to wait for the next sweep is `sweep_s` away."""
    assert _sweeper(sweep_s=30)._pause_s(1000, [None, None]) == 30


def test_it_wakes_for_what_is_due_first() -> None:
    """The timer is set for the earliest due time, and never later than the next sweep."""
    sweeper = _sweeper(sweep_s=30)
    assert 2 <= sweeper._pause_s(1000, [3000, 9000]) < 2.1
    assert sweeper._pause_s(1000, [100_000, None]) == 30


def test_what_may_not_be_reaped_yet_does_not_make_it_spin() -> None:
    """While reaping is put off it looks about once a second for what else is due."""
    sweeper = _sweeper(sweep_s=30, lease_s=30)
    sweeper.gap()
    assert 0.9 < sweeper._pause_s(1000, [500, None]) < 1.1


def test_a_slow_engine_does_not_put_reaping_off_for_ever() -> None:
    """Behind an engine that is always slow every second lease is one in which the tasks of the dead come back."""
    sweeper = _sweeper(lease_s=10)
    now_s = time.monotonic()
    sweeper._watch_clocks(0, now_s - 5, now_s)
    first = sweeper._reap_from
    assert first == now_s + 10
    sweeper._watch_clocks(15_000, now_s + 10, now_s + 15)
    assert sweeper._reap_from == first
    sweeper._watch_clocks(25_000, now_s + 20, now_s + 25)
    assert sweeper._reap_from == now_s + 35


def test_a_clock_that_jumped_puts_reaping_off_even_at_the_first_task() -> None:
    """Each look counts for the comparison of the clocks, also one at which nothing was due."""
    sweeper = _sweeper(lease_s=10)
    now_s = time.monotonic()
    sweeper._watch_clocks(0, now_s, now_s)
    sweeper._watch_clocks(3_600_000, now_s + 1, now_s + 1)
    assert sweeper._reap_from == now_s + 11
