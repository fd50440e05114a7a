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
    plain: dict[str, Any] = {
        "id": "t1",
        "state": TaskState.LEASED,
        "run": "r",
        "agent": "claude",
        "place": "p",
        "owner": "main",
    }
    return Task(**(plain | fields))


def _member(state: State = State.HEALTHY, why: str = "", health: Health | None = None, name: str = "main") -> Member:
    card = HostCard(
        name=name, pid=1, node="n", boot="b", home="/h", places=("p",), agents=(AgentCard(name="claude"),),
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
        lanes=(), patches=(), dead=0, unread={}, mailbox_most=100, message_ttl_s=3600, used_bytes=1, most_bytes=1000,
        durability="always",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **fields)


_CONFLICT = _task(state=TaskState.DONE, patch_state=PatchState.CONFLICT, patch_error="a.py")
_ASKING = _task(state=TaskState.DELAYED, asks="command: ls", asks_id="q", due_ms=_NOW_MS + 3_600_000)
_GONE = _member(State.GONE, "last seen 90 s ago", name="other")


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
        ({"patches": (_CONFLICT,)}, "patch-conflict", "a.py"),
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
        ({"asking": (_ASKING,)}, "needs-approval", "command: ls"),
    ],
)
def test_each_problem_says_why_and_what_to_do(fields: dict[str, Any], kind: str, words: str) -> None:
    """One fact out of order is one problem, with its reason and a command."""
    problem = _one(**fields)
    assert problem.kind == kind
    assert words in problem.why
    assert problem.who
    assert "`" in problem.advice or "wait" in problem.advice or "drop" in problem.advice


def test_a_question_says_what_to_type_and_by_when() -> None:
    """Both commands, with the task's id, how long there is, and since when it is asked."""
    problem = _one(asking=(_ASKING,))
    assert "`ez approve t1` or `ez deny t1`" in problem.advice
    assert "denied in 60 min" in problem.advice
    assert problem.since_ms == _ASKING.due_ms - 7 * 86_400_000


def test_progress_counts_as_well_as_the_start() -> None:
    """A task that has run for long and has just changed a file is not stuck."""
    task = _task(started_ms=1)
    assert find_problems(_facts(running=(task,), progress_ms={"t1": _NOW_MS - 1000})) == []


def test_a_task_of_a_host_that_is_gone_is_told_with_its_host() -> None:
    """It runs no more, and asking or cancelling it does nothing: the host is the problem, once."""
    problem = _one(running=(_task(owner="other", started_ms=1),), hosts=(_member(), _GONE))
    assert problem.kind == "host-gone"
    assert "held 1 tasks" in problem.why


def test_a_task_of_a_host_nobody_knows_any_more_is_told() -> None:
    """Its host was forgotten, so no other rule speaks of it."""
    problem = _one(running=(_task(owner="forgotten", started_ms=1),))
    assert problem.kind == "no-progress"
    assert "forgotten has not been heard of" in problem.why
    assert problem.advice == "`ez up` takes it back"


@pytest.mark.parametrize("paused", ["*", "claude"])
def test_a_task_that_rests_because_of_a_pause_is_not_to_be_cancelled(paused: str) -> None:
    """The pause is why, and ending it is what to do."""
    problem = _one(running=(_task(started_ms=1),), paused={paused: 1})
    assert problem.kind == "no-progress"
    assert "claude is paused" in problem.why
    assert problem.advice == "`ez resume` ends it"


def test_a_host_that_went_and_held_nothing_is_none_while_another_works() -> None:
    """Nothing is lost and nothing stands still."""
    assert find_problems(_facts(hosts=(_member(), _GONE))) == []


def test_what_a_gone_host_held_is_taken_back_by_whoever_lives() -> None:
    """Where none lives nothing happens by itself, and the advice does not say so; it names the host to start."""
    task = _task(owner="other", started_ms=_NOW_MS)
    assert "when their leases end; `ez up --name other`" in _one(running=(task,), hosts=(_member(), _GONE)).advice
    assert _one(running=(task,), hosts=(_GONE,)).advice == (
        "no host lives: `ez up --name other` where it ran takes its tasks back"
    )
    assert _one(hosts=(_member(State.GONE, "gone"),)).advice == "`ez up` where it ran"


def _waits(since_ms: int) -> Waiting:
    return Waiting("k", "p", "t1", "claude", "task", ("src/**",), since_ms, since_ms + 1, "t2")


def test_one_that_waits_for_files_is_told_once_and_with_who_has_them() -> None:
    """It is not also called stuck: it cannot do anything about it."""
    problem = _one(running=(_task(started_ms=1),), waiting=(_waits(1),))
    assert (problem.kind, problem.who) == ("waits-for-files", "task t1")
    assert "src/**" in problem.why
    assert "t2" in problem.why


def test_a_short_wait_for_files_is_no_problem() -> None:
    """Tasks take turns; a tenth of what counts as stuck is waited in silence, and 10 s at least."""
    assert find_problems(_facts(waiting=(_waits(_NOW_MS - _STUCK_MS // 10),))) == []
    assert _one(waiting=(_waits(_NOW_MS - _STUCK_MS // 10 - 1),)).kind == "waits-for-files"
    assert find_problems(_facts(stuck_ms=1000, waiting=(_waits(_NOW_MS - 10_000),))) == []


def test_a_wait_for_a_task_that_does_nothing_is_told_at_once() -> None:
    """It will not end by itself."""
    problems = find_problems(_facts(running=(_task(id="t2", started_ms=1),), waiting=(_waits(_NOW_MS - 1),)))
    assert [problem.kind for problem in problems] == ["no-progress", "waits-for-files"]


def test_running_is_not_waiting() -> None:
    """A task that came back after a long time of work has only just begun to wait."""
    oldest = _task(state=TaskState.READY, accepted_ms=1, started_ms=_NOW_MS - 1000)
    assert find_problems(_facts(lanes=(_lane(oldest=oldest),))) == []


def test_a_pause_does_not_hide_that_nobody_serves_a_lane() -> None:
    """After `ez resume` alone the tasks would still wait."""
    problem = _one(lanes=(_lane(served=False),), paused={"claude": 1})
    assert "claude is paused, and no living host runs claude" in problem.why
    assert "`ez up`" in problem.advice
    assert "`ez resume`" in problem.advice


def test_a_conflict_of_a_task_that_is_tried_again_is_none() -> None:
    """What would be advised has been done."""
    assert find_problems(_facts(patches=(msgspec.structs.replace(_CONFLICT, state=TaskState.READY),))) == []


def test_a_full_mailbox_says_how_long_messages_are_kept() -> None:
    """By the settings, whatever they say."""
    assert "dropped 90 s after" in _one(unread={"claude": 100}, message_ttl_s=90).advice


def test_an_apply_that_has_just_begun_is_none() -> None:
    """It takes well under a second; only one that does not end is a problem."""
    assert find_problems(_facts(patches=(_task(patch_state=PatchState.APPLYING, patch_at_ms=_NOW_MS - 500),))) == []


def test_hosts_that_are_gone_are_not_asked_how_their_agents_are() -> None:
    """What they said before they went is old."""
    problem = _one(hosts=(_member(State.GONE, "gone", Health(agents={"claude": "3 failed"})),))
    assert problem.kind == "host-gone"
