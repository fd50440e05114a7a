"""Judging a history. Job: say which promises of the queue it breaks. Pure: events in, violations out.

Each rule is one function over the index of the history. An unknown outcome (an invoke that was never answered) may
have happened or not; a rule only speaks where both would break it. The source of the form: Jepsen's history checkers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import pairwise

import msgspec
from tests.chaos.history import Claimed, Event, Final, Phase
from tests.chaos.indexing import Index

_TERMINAL = ("done", "dead", "cancelled", "skipped")
_EARLY_TOLERANCE_S = 0.003
"""The engine counts whole milliseconds, rounded down, on both ends of a delay."""
_SOLO_CRASHES_TO_DIE = 3


class Rule(StrEnum):
    """The promises, each named by what breaks it."""

    LOST = "lost"
    UNFINISHED = "unfinished"
    SUBMIT_DOUBLED = "submit_doubled"
    UNKNOWN_TASK = "unknown_task"
    FINISH_DOUBLED = "finish_doubled"
    FINISH_LOST = "finish_lost"
    EFFECT_MISSING = "effect_missing"
    BEGUN_TWICE = "begun_twice"
    SETTLED_TWICE = "settled_twice"
    FENCE_REUSED = "fence_reused"
    FENCE_ORDER = "fence_order"
    CLAIMED_AFTER_END = "claimed_after_end"
    LEASE_OVERLAP = "lease_overlap"
    ATTEMPT_UNEARNED = "attempt_unearned"
    CRASH_UNEXPLAINED = "crash_unexplained"
    PARENT_ORDER = "parent_order"
    TOO_EARLY = "too_early"
    WRONG_END = "wrong_end"
    SUMS = "sums"


class Violation(msgspec.Struct, frozen=True):
    """A broken promise: which, on which task (or key), and what the history says."""

    rule: Rule
    subject: str
    text: str


def check_history(events: Iterable[Event]) -> list[Violation]:
    """Return every broken promise of a whole run, submits to finals; an empty list is a clean run."""
    index = Index(events)
    return [Violation(rule, subject, text) for rule, find in _RULES for subject, text in find(index)]


_Found = Iterator[tuple[str, str]]


def _lost(index: Index) -> _Found:
    for key, tasks in index.acknowledged.items():
        for task in tasks - index.finals.keys():
            yield task, f"acknowledged under key {key}, and the engine does not know it"


def _unfinished(index: Index) -> _Found:
    for task, final in index.finals.items():
        if final.state not in _TERMINAL:
            yield task, f"still {final.state} at the end"


def _submit_doubled(index: Index) -> _Found:
    known: dict[str, set[str]] = {key: set(tasks) for key, tasks in index.acknowledged.items()}
    for task, final in index.finals.items():
        known.setdefault(final.key or task, set()).add(task)
    for key, tasks in known.items():
        if len(tasks) > 1:
            yield key, f"one key, {len(tasks)} tasks: {' '.join(sorted(tasks))}"


def _unknown_task(index: Index) -> _Found:
    for task, final in index.finals.items():
        if final.key not in index.asked:
            yield task, "nobody submitted it"


def _finish_doubled(index: Index) -> _Found:
    for task, fences in index.finished.items():
        final = index.finals.get(task)
        winners = fences | {final.fence} if final and final.state == "done" else fences
        if len(winners) > 1:
            yield task, f"finished under fences {' '.join(map(str, sorted(winners)))}: its effect counts twice"


def _finish_lost(index: Index) -> _Found:
    for task in index.finished:
        final = index.finals.get(task)
        if final is not None and final.state != "done":
            yield task, f"its finish was taken, and it is {final.state}"


def _effect_missing(index: Index) -> _Found:
    for task, final in index.finals.items():
        if final.state == "done" and (task, final.fence) not in index.effects:
            yield task, f"done under fence {final.fence}, which had no effect"


def _begun_twice(index: Index) -> _Found:
    for (task, fence), times in Counter((began.task, began.fence) for began in index.began).items():
        if times > 1:
            yield task, f"fence {fence} was executed {times} times"


def _settled_twice(index: Index) -> _Found:
    for (task, fence), verbs in index.settled.items():
        if len(verbs) > 1:
            yield task, f"fence {fence} was settled as {' and '.join(sorted(verbs))}"


def _fence_reused(index: Index) -> _Found:
    holder: dict[int, tuple[str, str]] = {}
    for claim in index.all_claims:
        first = holder.setdefault(claim.fence, (claim.task, claim.who))
        if first != (claim.task, claim.who):
            yield claim.task, f"fence {claim.fence} was given to {claim.who} and to {first[1]} for {first[0]}"


def _fence_order(index: Index) -> _Found:
    for task, claims in index.claims.items():
        latest_ask = 0.0
        for claim in claims:
            if claim.at < latest_ask:
                yield task, f"fence {claim.fence} was given before a lower one was asked for"
            latest_ask = max(latest_ask, claim.asked_at)


def _claimed_after_end(index: Index) -> _Found:
    for task, claims in index.claims.items():
        final = index.finals.get(task)
        if final is not None and claims[-1].fence > final.fence:
            yield task, f"claim {claims[-1].fence} came after {final.fence}, the last one the engine knows of"


def _lease_overlap(index: Index) -> _Found:
    for task, claims in index.claims.items():
        for first, second in pairwise(claims):
            if second.at < first.asked_at + first.lease_s and not _given_up(index, first, second.at):
                yield task, f"fence {second.fence} was given while {first.fence} of {first.host} was valid"


def _given_up(index: Index, claim: Claimed, until: float) -> bool:
    """True when the holder handed the claim back, or its process had ended, before `until`."""
    settles = index.settles.get((claim.task, claim.fence), [])
    if any(settle.phase is Phase.INVOKE and settle.at <= until for settle in settles):
        return True
    return any(claim.asked_at <= gone_at <= until for gone_at in index.gone_at.get(claim.host, ()))


def _attempt_unearned(index: Index) -> _Found:
    for task, final in index.finals.items():
        tries = index.failed_tries.get(task, set())
        if final.attempts > len(tries):
            yield task, f"{final.attempts} attempts were spent, {len(tries)} executions failed"


def _crash_unexplained(index: Index) -> _Found:
    for task, final in index.finals.items():
        if final.crashes and final.crashes > index.faults_since(index.first_ask(final)):
            yield task, f"{final.crashes} crashes were counted, and fewer things broke"


def _parent_order(index: Index) -> _Found:
    for task, final in index.finals.items():
        submit = index.asked.get(final.key)
        claims = index.claims.get(task)
        if submit is None or not claims:
            continue
        for parent in submit.parents:
            if claims[0].at < index.ended_after(parent):
                yield task, f"was given out before its parent {parent} had ended"


def _too_early(index: Index) -> _Found:
    for task, final in index.finals.items():
        submit, claims = index.asked.get(final.key), index.claims.get(task)
        if submit is None or not claims:
            continue
        if claims[0].at < submit.at + submit.delay_ms / 1000 - _EARLY_TOLERANCE_S:
            yield task, f"was given out before its delay of {submit.delay_ms} ms had passed"
        for first, second in pairwise(claims):
            retry = index.retry_of(first)
            if retry and second.at < retry.at + retry.delay_ms / 1000 - _EARLY_TOLERANCE_S:
                yield task, f"was tried again before {retry.delay_ms} ms had passed"


def _wrong_end(index: Index) -> _Found:
    for task, final in index.finals.items():
        submit = index.asked.get(final.key)
        if submit is None or final.state not in _TERMINAL:
            continue
        failed = any(index.failed(parent) for parent in submit.parents)
        if failed and submit.rule in ("fail", "skip"):
            wanted = "dead" if submit.rule == "fail" else "skipped"
            legal = final.state == wanted and task not in index.claims
        else:
            legal = _legal_end(final, submit.ends)
        if not legal:
            yield task, f"ended {final.state} ({final.error}); wanted {submit.ends}, rule {submit.rule}"


def _legal_end(final: Final, ends: str) -> bool:
    if final.state == "dead" and final.error == "crashed":
        return final.solo_crashes >= _SOLO_CRASHES_TO_DIE
    return final.state == ends and final.error != "parent"


def _sums(index: Index) -> _Found:
    for totals in index.totals:
        held = Counter(final.state for final in index.finals.values())
        said = {name: n for name, n in totals.counts.items() if name not in ("accepted", "purged")}
        for state in held.keys() | said.keys():
            if held[state] != said.get(state, 0):
                yield state, f"the counter says {said.get(state, 0)}, there are {held[state]}"
        if totals.counts.get("accepted", 0) - totals.counts.get("purged", 0) != len(index.finals):
            yield "accepted", f"accepted less purged is not {len(index.finals)}"


_RULES: tuple[tuple[Rule, Callable[[Index], _Found]], ...] = (
    (Rule.LOST, _lost),
    (Rule.UNFINISHED, _unfinished),
    (Rule.SUBMIT_DOUBLED, _submit_doubled),
    (Rule.UNKNOWN_TASK, _unknown_task),
    (Rule.FINISH_DOUBLED, _finish_doubled),
    (Rule.FINISH_LOST, _finish_lost),
    (Rule.EFFECT_MISSING, _effect_missing),
    (Rule.BEGUN_TWICE, _begun_twice),
    (Rule.SETTLED_TWICE, _settled_twice),
    (Rule.FENCE_REUSED, _fence_reused),
    (Rule.FENCE_ORDER, _fence_order),
    (Rule.CLAIMED_AFTER_END, _claimed_after_end),
    (Rule.LEASE_OVERLAP, _lease_overlap),
    (Rule.ATTEMPT_UNEARNED, _attempt_unearned),
    (Rule.CRASH_UNEXPLAINED, _crash_unexplained),
    (Rule.PARENT_ORDER, _parent_order),
    (Rule.TOO_EARLY, _too_early),
    (Rule.WRONG_END, _wrong_end),
    (Rule.SUMS, _sums),
)
