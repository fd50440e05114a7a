"""What a check found, as records. Job: the invariants' names and rules.

Not its job: finding (check), printing (cli).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

INVARIANTS: dict[str, str] = {
    "names": "every key has a known name and type",
    "life": "only keys that may expire do, and those do",
    "tasks": "every task's record is whole",
    "lost": "every task accepted and not purged is there",
    "counters": "the counters say how many tasks are in each state",
    "runs": "every task's run is there and counts its tasks",
    "ready": "each lane holds exactly its ready tasks, in order",
    "waiting": "the lanes with work are exactly those that hold a task",
    "delayed": "the delayed index holds exactly the delayed tasks, by due time",
    "leased": "the leased index holds exactly the leased tasks",
    "blocked": "the blocked index holds exactly the blocked tasks",
    "ended": "the ended index holds exactly the done, cancelled and skipped tasks",
    "dead": "the dead index holds exactly the dead tasks",
    "deadline": "the deadline index holds exactly the open tasks with a deadline",
    "quarantine": "exactly the suspects are in quarantine lanes",
    "parents": "blocked tasks, and only they, are told when a parent ends",
    "fanout": "only ended tasks have children to tell",
    "keys": "every idempotency key names a task, and that task the key",
    "fences": "fences of claims are unique and none is above the highest given out",
    "sequence": "no task is ahead of the sequence",
}
"""Name -> rule, in the order in which they are shown; those of other rooms follow."""
FINDINGS_MOST = 20
"""Findings kept per invariant; the others are only counted."""


class Finding(msgspec.Struct, frozen=True):
    """One disagreement. `what`: a task's id, or a key without its namespace."""

    what: str
    text: str


class Invariant(msgspec.Struct, frozen=True, kw_only=True):
    """A rule and what breaks it. `judged` is False when the queue moved too fast to say; `ok` is True then.

    `found`: how many findings; `findings`: the first 20 of them.
    """

    name: str
    rule: str
    ok: bool
    judged: bool
    found: int
    findings: tuple[Finding, ...] = ()


class FsckReport(msgspec.Struct, frozen=True, kw_only=True):
    """All invariants, the queue's first. `moving`: tasks moved during the check."""

    ok: bool
    tasks: int
    moving: bool
    invariants: tuple[Invariant, ...]

    def broken(self) -> dict[str, Invariant]:
        """The invariants that do not hold, by name."""
        return {invariant.name: invariant for invariant in self.invariants if not invariant.ok}


class Ledger:
    """Findings as they come in: all counted, some kept. `rules`: what may be found against."""

    def __init__(self, rules: Mapping[str, str] = INVARIANTS) -> None:
        self._rules = rules
        self._kept: dict[str, list[Finding]] = {name: [] for name in rules}
        self._found: dict[str, int] = dict.fromkeys(rules, 0)

    def note(self, invariant: str, what: str, text: str) -> None:
        """Add a finding."""
        self._found[invariant] += 1
        if len(self._kept[invariant]) < FINDINGS_MOST:
            self._kept[invariant].append(Finding(what, text))

    def has(self, invariant: str) -> bool:
        """Say whether anything was found against it."""
        return self._found[invariant] > 0

    def take(self, other: Ledger) -> None:
        """Add another ledger's findings."""
        for name in other._rules:
            self._found[name] += other._found[name]
            self._kept[name] = [*self._kept[name], *other._kept[name]][:FINDINGS_MOST]

    def report(self, *, tasks: int, moving: bool, unjudged: Iterable[str]) -> FsckReport:
        """Close the ledger."""
        skipped = frozenset(unjudged)
        invariants = tuple(
            Invariant(
                name=name,
                rule=rule,
                ok=self._found[name] == 0,
                judged=name not in skipped,
                found=self._found[name],
                findings=tuple(self._kept[name]),
            )
            for name, rule in self._rules.items()
        )
        return FsckReport(ok=not any(self._found.values()), tasks=tasks, moving=moving, invariants=invariants)


def add_counts(into: dict[str, int], more: Mapping[str, int]) -> None:
    """Add numbers by name."""
    for name, number in more.items():
        into[name] = into.get(name, 0) + number
