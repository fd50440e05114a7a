"""The checker on trial: a legal history passes, and each way of breaking it is caught by the rule meant for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.chaos.checker import Rule, check_history
from tests.chaos.history import (
    Began,
    Claimed,
    Effect,
    Event,
    Fault,
    Final,
    Phase,
    Settle,
    Submit,
    Totals,
)

_LEASE_S = 0.4


class _Story:
    """Writes a legal history, a task at a time. Fences are given in the order of the claims, from 1."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._last_fence = 0

    def submit(self, key: str, at: float, **facts: Any) -> None:
        for phase, when in ((Phase.INVOKE, at), (Phase.OK, at + 0.01)):
            self.events.append(Submit(at=when, who="s0", phase=phase, key=key, task=f"t{key}", **facts))

    def claim(self, key: str, at: float, host: str = "w0") -> int:
        self._last_fence += 1
        fence, task = self._last_fence, f"t{key}"
        self.events += [
            Claimed(at=at + 0.001, who=host, host=host, task=task, fence=fence, asked_at=at, lease_s=_LEASE_S),
            Began(at=at + 0.002, who=host, task=task, fence=fence),
        ]
        return fence

    def settle(self, key: str, at: float, fence: int, verb: str, *phases: Phase, delay_ms: int = 0) -> None:
        task = f"t{key}"
        if verb == "finish":
            self.events.append(Effect(at=at, who="w0", task=task, fence=fence))
        for number, phase in enumerate((Phase.INVOKE, *(phases or (Phase.OK,)))):
            when = at + 0.001 * (1 + number)
            self.events.append(
                Settle(at=when, who="w0", phase=phase, verb=verb, task=task, fence=fence, delay_ms=delay_ms)
            )

    def fault(self, kind: str, at: float, target: str) -> None:
        self.events.append(Fault(at=at, who="driver", kind=kind, target=target))

    def final(self, key: str, state: str, fence: int = 0, **facts: Any) -> None:
        self.events.append(Final(at=99, who="driver", task=f"t{key}", key=key, state=state, fence=fence, **facts))


def _legal() -> list[Event]:
    story = _Story()
    # a: the plain way. b: fails once, retried 50 ms later, its finish's answer never heard. c: delayed child of a.
    story.submit("a", 1.0)
    story.submit("b", 1.0)
    story.submit("c", 1.0, parents=("a",), delay_ms=300)
    a = story.claim("a", 1.1)
    b1 = story.claim("b", 1.1)
    story.settle("a", 1.2, a, "finish")
    story.settle("b", 1.2, b1, "retry", delay_ms=50)
    b2 = story.claim("b", 1.3)
    story.settle("b", 1.35, b2, "finish", Phase.INFO)
    c = story.claim("c", 1.4)
    story.settle("c", 1.5, c, "finish")
    # d: given up by its agent; e, f, g are its children under the three rules.
    story.submit("d", 2.0, ends="dead")
    for key, rule in (("e", "fail"), ("f", "skip"), ("g", "run")):
        story.submit(key, 2.0, parents=("d",), rule=rule)
    d = story.claim("d", 2.1)
    story.settle("d", 2.2, d, "fail")
    g = story.claim("g", 2.3)
    story.settle("g", 2.4, g, "finish")
    # h: its host is killed, the next one of that name takes it back and finishes it.
    # i: its host is frozen past the lease; its late finish is refused, the successor's is taken.
    story.submit("h", 3.0)
    story.submit("i", 3.0)
    story.claim("h", 3.1, "w0")
    story.fault("kill", 3.15, "w0")
    story.fault("gone", 3.19, "w0")
    h = story.claim("h", 3.2, "w0")
    story.settle("h", 3.3, h, "finish")
    i1 = story.claim("i", 3.3, "w1")
    story.fault("stop", 3.35, "w1")
    i2 = story.claim("i", 3.8, "w0")
    story.settle("i", 3.81, i1, "finish", Phase.FAIL)
    story.settle("i", 3.85, i2, "finish")
    # j: a poison.
    story.submit("j", 4.0, ends="dead")
    for turn in range(5):
        j = story.claim("j", 4.1 + turn / 10)
        story.fault("kill", 4.15 + turn / 10, "w0")
        story.fault("gone", 4.19 + turn / 10, "w0")
    # k: its child, which runs all the same; a frozen holder of j wakes later and hands back what is no longer its own.
    story.submit("k", 4.0, parents=("j",), rule="run")
    k = story.claim("k", 4.7)
    story.settle("j", 4.75, j, "release", Phase.FAIL)
    story.settle("k", 4.8, k, "finish")
    for key, fence in (("a", a), ("c", c), ("g", g), ("k", k)):
        story.final(key, "done", fence)
    story.final("b", "done", b2, attempts=1)
    story.final("d", "dead", d, attempts=1, error="told to")
    story.final("e", "dead", error="parent")
    story.final("f", "skipped", error="parent")
    story.final("h", "done", h, crashes=1)
    story.final("i", "done", i2, crashes=1)
    story.final("j", "dead", j, crashes=5, solo_crashes=3, error="crashed")
    counts = {"done": 7, "dead": 3, "skipped": 1, "accepted": 11, "purged": 0, "ready": 0}
    story.events.append(Totals(at=99, who="driver", counts=counts))
    return story.events


Change = Callable[[Event], Event | list[Event] | None]


def _changed(kind: type[Any], match: dict[str, Any], **to: Any) -> Change:
    """Replace fields of the events of a kind whose fields are as in `match`; an empty `to` leaves them out."""

    def change(event: Event) -> Event | None:
        if not isinstance(event, kind) or any(getattr(event, name) != value for name, value in match.items()):
            return event
        return msgspec.structs.replace(event, **to) if to else None

    return change


def _added(*events: Event) -> Change:
    """Put events in front of the first one."""

    def change(event: Event) -> Event | list[Event]:
        first = isinstance(event, Submit) and event.key == "a" and event.phase is Phase.INVOKE
        return [*events, event] if first else event

    return change


def _counted(**by: int) -> Change:
    def change(event: Event) -> Event:
        if not isinstance(event, Totals):
            return event
        counts = {name: n + by.get(name, 0) for name, n in event.counts.items()}
        return msgspec.structs.replace(event, counts=counts)

    return change


def _settle(task: str, fence: int, verb: str, at: float, phase: Phase = Phase.OK) -> Settle:
    return Settle(at=at, who="w1", phase=phase, verb=verb, task=task, fence=fence)


def _claim(task: str, fence: int, at: float, *, asked_at: float, who: str = "w3") -> Claimed:
    return Claimed(at=at, who=who, host=who, task=task, fence=fence, asked_at=asked_at, lease_s=_LEASE_S)


_A_GONE = (_changed(Final, {"key": "a"}), _counted(done=-1, accepted=-1))
_MUTATIONS: dict[str, tuple[Rule, tuple[Change, ...]]] = {
    "an acknowledged task is not there": (Rule.LOST, (*_A_GONE, _changed(Submit, {"key": "c"}, parents=()))),
    "a task is still leased": (
        Rule.UNFINISHED,
        (_changed(Final, {"key": "h"}, state="ready"), _counted(done=-1, ready=1), _changed(Settle, {"task": "th"})),
    ),
    "a repeated submit made a second task": (
        Rule.SUBMIT_DOUBLED,
        (
            _added(Final(at=99, who="driver", task="ta2", key="a", state="done", fence=77)),
            _added(Effect(at=5, who="w0", task="ta2", fence=77)),
            _counted(done=1, accepted=1),
        ),
    ),
    "a repeated submit was answered with another id": (
        Rule.SUBMIT_DOUBLED,
        (
            _added(Submit(at=1.4, who="s0", phase=Phase.OK, key="a", task="ta2")),
            _added(Effect(at=5, who="w0", task="ta2", fence=77)),
            _added(Final(at=99, who="driver", task="ta2", key="a", state="done", fence=77)),
            _counted(done=1, accepted=1),
        ),
    ),
    "a task nobody submitted": (
        Rule.UNKNOWN_TASK,
        (
            _added(Final(at=99, who="driver", task="tz", key="z", state="done", fence=77)),
            _added(Effect(at=5, who="w0", task="tz", fence=77)),
            _counted(done=1, accepted=1),
        ),
    ),
    "the late finish of a frozen host was taken too": (
        Rule.FINISH_DOUBLED,
        (_changed(Settle, {"task": "ti", "phase": Phase.FAIL}, phase=Phase.OK),),
    ),
    "only the late finish was heard, the record names the successor": (
        Rule.FINISH_DOUBLED,
        (
            _changed(Settle, {"task": "ti", "phase": Phase.OK}),
            _changed(Settle, {"task": "ti", "phase": Phase.FAIL}, phase=Phase.OK),
        ),
    ),
    "a finish was taken and forgotten": (
        Rule.FINISH_LOST,
        (
            _changed(Final, {"key": "g"}, state="dead", error="told to"),
            _changed(Submit, {"key": "g"}, ends="dead"),
            _counted(done=-1, dead=1),
        ),
    ),
    "a task is done without its effect": (Rule.EFFECT_MISSING, (_changed(Effect, {"task": "tc"}),)),
    "the effect is under another fence than the finish": (
        Rule.EFFECT_MISSING,
        (_changed(Effect, {"task": "tg"}, fence=1),),
    ),
    "one claim was executed twice": (Rule.BEGUN_TWICE, (_added(Began(at=1.2, who="w0", task="ta", fence=1)),)),
    "one claim was settled in two ways": (Rule.SETTLED_TWICE, (_added(_settle("ta", 1, "release", 1.3)),)),
    "two hosts hold one fence": (
        Rule.FENCE_REUSED,
        (_added(_claim("ta", 1, 1.7, asked_at=1.6)),),
    ),
    "two tasks have one fence": (
        Rule.FENCE_REUSED,
        (_changed(Claimed, {"task": "tg"}, fence=1), _changed(Final, {"key": "g"}, fence=1),
         _changed(Effect, {"task": "tg"}, fence=1), _changed(Settle, {"task": "tg"}, fence=1)),
    ),
    "a later claim has a lower fence": (
        Rule.FENCE_ORDER,
        (
            _changed(Claimed, {"task": "tb", "fence": 2}, at=1.9, asked_at=1.85, lease_s=0.0),
            _changed(Claimed, {"task": "tb", "fence": 3}, lease_s=0.0),
        ),
    ),
    "a done task was given out again": (
        Rule.CLAIMED_AFTER_END,
        (_added(_claim("ta", 77, 5.0, asked_at=4.9)),),
    ),
    "a task was given out while its holder's lease was valid": (
        Rule.LEASE_OVERLAP,
        (_changed(Claimed, {"task": "ti", "host": "w0"}, at=3.6, asked_at=3.55),),
    ),
    "a task was taken back although another host was killed": (
        Rule.LEASE_OVERLAP,
        (_changed(Fault, {"kind": "gone", "at": 3.19}, target="w2"),),
    ),
    "a task was taken back from a host that was only about to be killed": (
        Rule.LEASE_OVERLAP,
        (_changed(Fault, {"kind": "gone", "at": 3.19}, at=3.25),),
    ),
    "a release was counted as an attempt": (
        Rule.ATTEMPT_UNEARNED,
        (_changed(Final, {"key": "a"}, attempts=1),),
    ),
    "one failed attempt was counted twice": (
        Rule.ATTEMPT_UNEARNED,
        (_changed(Final, {"key": "b"}, attempts=2),),
    ),
    "a crash was counted where nothing broke": (
        Rule.CRASH_UNEXPLAINED,
        (_changed(Final, {"key": "a"}, crashes=9),),
    ),
    "a child began before its parent ended": (
        Rule.PARENT_ORDER,
        (_changed(Settle, {"task": "ta", "phase": Phase.INVOKE}, at=1.45),
         _changed(Settle, {"task": "ta", "phase": Phase.OK}, at=1.46)),
    ),
    "a child began before the last host of its parent had begun": (
        Rule.PARENT_ORDER,
        (_changed(Claimed, {"task": "tk"}, at=4.45, asked_at=4.44),),
    ),
    "a child began though its parent never ended": (
        Rule.PARENT_ORDER,
        (*_A_GONE, _changed(Submit, {"key": "a", "phase": Phase.OK})),
    ),
    "a delay was cut short": (Rule.TOO_EARLY, (_changed(Submit, {"key": "c"}, delay_ms=500),)),
    "a retry came too soon": (Rule.TOO_EARLY, (_changed(Settle, {"verb": "retry"}, delay_ms=150),)),
    "a good task ended dead": (
        Rule.WRONG_END,
        (
            _changed(Final, {"key": "b"}, state="dead", error="no reason"),
            _counted(done=-1, dead=1),
        ),
    ),
    "a task died as crashed of too few crashes alone": (
        Rule.WRONG_END,
        (_changed(Final, {"key": "j"}, solo_crashes=2),),
    ),
    "a child outlived its parent's failure": (
        Rule.WRONG_END,
        (
            _changed(Final, {"key": "e"}, state="done", fence=77),
            _added(Effect(at=5, who="w0", task="te", fence=77)),
            _counted(done=1, dead=-1),
        ),
    ),
    "a skipped child was executed": (
        Rule.WRONG_END,
        (_added(_claim("tf", 77, 5.0, asked_at=4.9)), _changed(Final, {"key": "f"}, fence=77)),
    ),
    "a counter of a state is wrong": (Rule.SUMS, (_counted(done=1),)),
    "the counter of accepted tasks is wrong": (Rule.SUMS, (_counted(accepted=1),)),
}  # fmt: skip


def _mutated(events: list[Event], changes: tuple[Change, ...]) -> list[Event]:
    for change in changes:
        fresh: list[Event] = []
        for event in events:
            changed = change(event)
            fresh += changed if isinstance(changed, list) else [changed] if changed is not None else []
        assert fresh != events, "the mutation changed nothing"
        events = fresh
    return events


def test_a_legal_history_is_clean() -> None:
    """Retries, kills, freezes, refused and unanswered finishes, poison and parents' failures break no promise."""
    assert check_history(_legal()) == []


@pytest.mark.parametrize("name", _MUTATIONS)
def test_each_mutation_is_caught_by_its_rule(name: str) -> None:
    """Each broken promise is found by the rule that states it, and by no other."""
    rule, changes = _MUTATIONS[name]
    found = check_history(_mutated(_legal(), changes))
    assert {violation.rule for violation in found} == {rule}, found


def test_every_rule_is_on_trial() -> None:
    """No rule of the checker is without a mutation that it catches."""
    assert {rule for rule, _ in _MUTATIONS.values()} == set(Rule)


def test_an_unknown_outcome_is_legal_both_ways() -> None:
    """A submit that was never answered may have been accepted or not."""
    asked = Submit(at=1.0, who="s0", phase=Phase.INVOKE, key="u", task="tu")
    unknown = Submit(at=1.1, who="s0", phase=Phase.INFO, key="u", task="tu")
    assert check_history([*_legal(), asked, unknown]) == []
    story = _Story()
    story.events = _mutated([*_legal(), asked, unknown], (_counted(done=1, accepted=1),))
    story.events.append(Effect(at=5, who="w0", task="tu", fence=77))
    story.final("u", "done", 77)
    assert check_history(story.events) == []
