"""A history, arranged for looking up. Job: group events by task, fence, key. Not its job: judging them (checker.py)."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from math import inf

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

_FAILED = ("dead", "cancelled", "skipped")
_ENDING = ("finish", "fail", "retry")
_HARMLESS = ("cont", "term", "submitter", "gone")
"""Faults that take no lease from a host."""


class Index:
    """The events of one run. Task ids are the queue's, keys the submitters'.

    `asked`: the earliest invoke by key. `acknowledged`: ids answered by key. `claims`: by task, in order of fence.
    `finished`: fences under which a finish was taken, by task. `settled`: verbs taken, by (task, fence).
    `failed_tries`: fences whose retry or fail was sent, by task. `gone_at`: when each host's processes had ended.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.asked: dict[str, Submit] = {}
        self.acknowledged: dict[str, set[str]] = defaultdict(set)
        self.all_claims: list[Claimed] = []
        self.claims: dict[str, list[Claimed]] = defaultdict(list)
        self.began: list[Began] = []
        self.effects: set[tuple[str, int]] = set()
        self.settles: dict[tuple[str, int], list[Settle]] = defaultdict(list)
        self.settled: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.finished: dict[str, set[int]] = defaultdict(set)
        self.failed_tries: dict[str, set[int]] = defaultdict(set)
        self.faults: list[Fault] = []
        self.gone_at: dict[str, list[float]] = defaultdict(list)
        self.finals: dict[str, Final] = {}
        self.totals: list[Totals] = []
        for event in sorted(events, key=lambda event: event.at):
            self._take(event)
        for claims in self.claims.values():
            claims.sort(key=lambda claim: claim.fence)
        harmful = [fault for fault in self.faults if fault.kind not in _HARMLESS]
        self._harm_at = [fault.at for fault in harmful]
        self._by_key = {final.key: final for final in self.finals.values()}

    def _take(self, event: Event) -> None:
        match event:
            case Submit():
                self._take_submit(event)
            case Claimed():
                self.all_claims.append(event)
                self.claims[event.task].append(event)
            case Began():
                self.began.append(event)
            case Effect():
                self.effects.add((event.task, event.fence))
            case Settle():
                self._take_settle(event)
            case Fault(kind="gone"):
                self.gone_at[event.target].append(event.at)
            case Fault():
                self.faults.append(event)
            case Final():
                self.finals[event.task] = event
            case Totals():
                self.totals.append(event)
            case _:
                pass

    def _take_submit(self, event: Submit) -> None:
        if event.phase is Phase.INVOKE:
            self.asked.setdefault(event.key, event)
        elif event.phase is Phase.OK:
            self.acknowledged[event.key].add(event.task)

    def _take_settle(self, event: Settle) -> None:
        claim = (event.task, event.fence)
        self.settles[claim].append(event)
        if event.phase is Phase.INVOKE and event.verb in ("retry", "fail"):
            self.failed_tries[event.task].add(event.fence)
        if event.phase is Phase.OK:
            self.settled[claim].add(event.verb)
            if event.verb == "finish":
                self.finished[event.task].add(event.fence)

    def failed(self, key: str) -> bool:
        """True when the task of this key ended otherwise than done."""
        final = self._by_key.get(key)
        return final is not None and final.state in _FAILED

    def first_ask(self, final: Final) -> float:
        """When the task was first submitted; 0 when nobody did."""
        submit = self.asked.get(final.key)
        return submit.at if submit else 0.0

    def faults_since(self, at: float) -> int:
        """How many faults that cost a host its leases came at or after `at`."""
        return len(self._harm_at) - bisect_left(self._harm_at, at)

    def retry_of(self, claim: Claimed) -> Settle | None:
        """The retry by which this claim was handed back and which the queue took, as it was sent."""
        if "retry" not in self.settled.get((claim.task, claim.fence), ()):
            return None
        sent = [s for s in self.settles[claim.task, claim.fence] if s.verb == "retry" and s.phase is Phase.INVOKE]
        return sent[0] if sent else None

    def ended_after(self, key: str) -> float:
        """A time the end of this key's task cannot lie before; infinite while it has not ended.

        When its last holder tried to end it; when that one had asked for it, if others ended it (its hosts crashed);
        when it was submitted, if it was never given out (its parent failed).
        """
        final = self._by_key.get(key)
        if final is None or final.state not in (*_FAILED, "done"):
            return inf
        settles = self.settles.get((final.task, final.fence), ())
        ends = [s.at for s in settles if s.phase is Phase.INVOKE and s.verb in _ENDING]
        if ends and final.error != "crashed":
            return min(ends)
        claims = self.claims.get(final.task)
        return claims[-1].asked_at if claims else self.first_ask(final)
