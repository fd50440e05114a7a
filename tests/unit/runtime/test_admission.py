"""How much is claimed next: slots, memory, and suspects alone."""

from __future__ import annotations

import pytest

from ezaigents.runtime.admission import CLAIM_MOST, Lane, admitted_tasks, plan_claims

_MB = 1024 * 1024
A, B, SUSPECT = Lane("a@p", "a"), Lane("b@p", "b"), Lane("a@p!", "a")
ROOM = 10_000


def test_each_lane_gets_its_agents_free_slots() -> None:
    """A claim asks for exactly the free slots, lane by lane, in the order in which they became hungry."""
    assert plan_claims([B, A], {"a": 3, "b": 2}, running=7, room=ROOM) == [(B, 2), (A, 3)]


@pytest.mark.parametrize("free", [{}, {"a": 0}, {"a": -1}])
def test_no_free_slot_no_claim(free: dict[str, int]) -> None:
    """An agent without a free slot claims nothing."""
    assert plan_claims([A], free, running=4, room=ROOM) == []


def test_the_lanes_of_one_agent_share_its_slots() -> None:
    """Two places of one agent never get more tasks than it has slots."""
    elsewhere = Lane("a@q", "a")
    assert plan_claims([A, elsewhere], {"a": 3}, running=0, room=ROOM) == [(A, 3)]


def test_memory_bounds_all_lanes_together() -> None:
    """The room for tasks is divided in order; a lane without room is left out."""
    assert plan_claims([A, B], {"a": 3, "b": 3}, running=1, room=4) == [(A, 3), (B, 1)]
    assert plan_claims([A, B], {"a": 3, "b": 3}, running=1, room=3) == [(A, 3)]
    assert plan_claims([A], {"a": 3}, running=1, room=0) == []


def test_a_claim_is_bounded() -> None:
    """One claim asks for at most CLAIM_MOST tasks: no other call waits long behind it."""
    plan = plan_claims([A, B], {"a": 5000, "b": 5000}, running=0, room=ROOM)
    assert sum(count for _, count in plan) == CLAIM_MOST


def test_a_suspect_waits_for_the_host_to_run_dry() -> None:
    """While a quarantine lane has work, and something runs, nothing at all is claimed."""
    assert plan_claims([A, SUSPECT, B], {"a": 3, "b": 3}, running=1, room=ROOM) == []


def test_a_suspect_is_claimed_alone() -> None:
    """With nothing running one suspect is claimed, and nothing beside it, whatever the memory."""
    assert plan_claims([A, SUSPECT, B], {"a": 3, "b": 3}, running=0, room=1) == [(SUSPECT, 1)]


def test_only_the_mark_makes_a_quarantine_lane() -> None:
    """Quarantine lanes are those whose name ends in the mark."""
    assert SUSPECT.quarantine
    assert not A.quarantine


def test_room_is_what_is_left_below_the_limit() -> None:
    """As many tasks fit as their budgets fit below the limit."""
    room = admitted_tasks(rss=40 * _MB, idle_rss=40 * _MB, budgeted=0, limit=50 * _MB, task_bytes=_MB, running=0)
    assert room == 10


def test_tasks_that_have_not_touched_their_memory_count_in_full() -> None:
    """The budgets of running tasks count even while the process has not grown yet."""
    room = admitted_tasks(rss=40 * _MB, idle_rss=40 * _MB, budgeted=8 * _MB, limit=50 * _MB, task_bytes=_MB, running=8)
    assert room == 2


def test_measured_growth_counts_where_it_is_larger_than_the_budgets() -> None:
    """Tasks that took more than their budget leave less room for others."""
    room = admitted_tasks(rss=49 * _MB, idle_rss=40 * _MB, budgeted=_MB, limit=50 * _MB, task_bytes=_MB, running=1)
    assert room == 1


@pytest.mark.parametrize(("running", "room"), [(0, 1), (1, 0)])
def test_over_the_limit_one_task_runs_at_a_time(running: int, room: int) -> None:
    """However little memory there is, one task is let in when none runs: work never stops for good."""
    admitted = admitted_tasks(
        rss=90 * _MB, idle_rss=90 * _MB, budgeted=0, limit=50 * _MB, task_bytes=_MB, running=running
    )
    assert admitted == room
