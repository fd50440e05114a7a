"""What counts as a problem: each rule over facts, and none where all is well."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ezaigents.client.company import Member
from ezaigents.client.problems import Facts, LaneFacts, Problem, find_problems
from ezaigents.records import AgentCard, Health, HostCard, PatchState, Task, TaskState
from ezaigents.team import Presence, Seen, State, Waiting

_NOW_MS = 10_000_000
_STUCK_MS = 600_000


def _task(**fields: Any) -> Task:
    plain: dict[str, Any] = {"id": "t1", "state": TaskState.LEASED, "run": "r", "agent": "claude", "place": "p"}
    return Task(**(plain | fields))


def _member(state: State = State.HEALTHY, why: str = "", health: Health | None = None) -> Member:
    card = HostCard(
        name="main", pid=1, node="n", boot="b", home="/h", places=("p",), agents=(AgentCard(name="claude"),),
        started_ms=0, started_in_ms=0,
    )  # fmt: skip
    return Member(Seen(card, health or Health(), _NOW_MS - 1000, _NOW_MS), Presence(state, why))


def _lane(**fields: Any) -> LaneFacts:
    oldest = _task(state=TaskState.READY, accepted_ms=_NOW_MS - 2 * _STUCK_MS)
    plain: dict[str, Any] = {
        "agent": "claude", "place": "p", "quarantine": False, "waiting": 3, "oldest": oldest, "served": True, "free": 1,
    }  # fmt: skip
    return LaneFacts(**(plain | fields))


def _facts(**fields: Any) -> Facts:
    plain = Facts(
        now_ms=_NOW_MS, stuck_ms=_STUCK_MS, hosts=(_member(),), paused={}, running=(), progress_ms={}, waiting=(),
        lanes=(), patches=(), dead=0, unread={}, mailbox_most=100, used_bytes=1, most_bytes=1000, durability="always",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **fields)


def _one(**fields: Any) -> Problem:
    (problem,) = find_problems(_facts(**fields))
    return problem


def test_all_is_well() -> None:
    """A healthy fleet with running tasks, waiting work and proposed patches has no problems."""
    facts = _facts(
        running=(_task(fence=(_NOW_MS - 5000) * 1000, started_ms=_NOW_MS - 5000),),
        lanes=(_lane(oldest=_task(state=TaskState.READY, accepted_ms=_NOW_MS - 1000)),),
        patches=(_task(patch_state=PatchState.PROPOSED),),
        unread={"claude": 99},
    )
    assert find_problems(facts) == []


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"hosts": (_member(State.GONE, "last seen 90 s ago"),)}, "host-gone", "last seen 90 s ago"),
        ({"hosts": (_member(State.DEGRADED, "its memory"),)}, "host-degraded", "its memory"),
        ({"hosts": (_member(health=Health(agents={"claude": "3 failed"})),)}, "agent-degraded", "3 failed"),
        ({"used_bytes": 950}, "engine-full", "holds"),
        ({"durability": "unknown"}, "engine-durability", "unknown"),
        ({"patches": (_task(patch_state=PatchState.CONFLICT, patch_error="a.py"),)}, "patch-conflict", "a.py"),
        ({"patches": (_task(patch_state=PatchState.APPLYING, patch_at_ms=1),)}, "apply-left", "interrupted"),
        ({"running": (_task(started_ms=1),)}, "no-progress", "no progress"),
        ({"lanes": (_lane(free=0),)}, "starving", "all slots of claude are busy"),
        ({"lanes": (_lane(served=False),)}, "starving", "no living host runs claude"),
        ({"lanes": (_lane(quarantine=True),)}, "starving", "run alone"),
        ({"lanes": (_lane(),), "paused": {"claude": 1}}, "starving", "claude is paused"),
        ({"lanes": (_lane(),), "paused": {"*": 1}}, "starving", "claude is paused"),
        ({"lanes": (_lane(),)}, "starving", "memory"),
        ({"unread": {"claude": 100}}, "mailbox-full", "100 messages"),
        ({"dead": 2}, "dead", "not tried again"),
    ],
)
def test_each_problem_says_why_and_what_to_do(fields: dict[str, Any], kind: str, words: str) -> None:
    """One fact out of order is one problem, with its reason and a command."""
    problem = _one(**fields)
    assert problem.kind == kind
    assert words in problem.why
    assert problem.who
    assert "`" in problem.advice or "wait" in problem.advice or "drop" in problem.advice


def test_progress_counts_as_well_as_the_start() -> None:
    """A task that has run for long and has just changed a file is not stuck."""
    task = _task(started_ms=1)
    assert find_problems(_facts(running=(task,), progress_ms={"t1": _NOW_MS - 1000})) == []


def test_one_that_waits_for_files_is_told_once_and_with_who_has_them() -> None:
    """It is not also called stuck: it cannot do anything about it."""
    waits = Waiting("k", "p", "t1", "claude", "task", ("src/**",), 1, 2, "t2")
    problem = _one(running=(_task(started_ms=1),), waiting=(waits,))
    assert (problem.kind, problem.who) == ("waits-for-files", "task t1")
    assert "src/**" in problem.why
    assert "t2" in problem.why


def test_an_apply_that_has_just_begun_is_none() -> None:
    """It takes well under a second; only one that does not end is a problem."""
    assert find_problems(_facts(patches=(_task(patch_state=PatchState.APPLYING, patch_at_ms=_NOW_MS - 500),))) == []


def test_hosts_that_are_gone_are_not_asked_how_their_agents_are() -> None:
    """What they said before they went is old."""
    problem = _one(hosts=(_member(State.GONE, "gone", Health(agents={"claude": "3 failed"})),))
    assert problem.kind == "host-gone"
