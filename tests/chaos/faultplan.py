"""What is broken, when, in which order. Job: a pure function of seed and counts. Not its job: doing it (cluster.py)."""

from __future__ import annotations

import random
from enum import StrEnum

import msgspec

_GAP_CAP = 4.0
"""No gap is longer than this many times the mean one: the counts have to be reached in time."""


class Kind(StrEnum):
    """What is done; but for `stop` it is kill -9.

    kill: one host. stop: one host is frozen past its lease, then goes on. engine: the engine. hosts: all hosts at
    once, while the engine lives on. submitter: one of those who hand in work. term: one host, 0 to 50 ms after it
    was asked to stop in order.
    """

    KILL = "kill"
    STOP = "stop"
    ENGINE = "engine"
    HOSTS = "hosts"
    SUBMITTER = "submitter"
    TERM = "term"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do, `gap_s` after the one before. `target` counts hosts (or submitters).

    `hold_s`: how long a freeze lasts; the time from SIGTERM to SIGKILL.
    """

    kind: Kind
    gap_s: float
    target: int
    hold_s: float = 0.0


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How often each thing is done."""

    kills: int = 0
    stops: int = 0
    engines: int = 0
    hosts: int = 0
    submitters: int = 0
    terms: int = 0


def plan_faults(seed: int, counts: Counts, *, gap_s: float, lease_s: float) -> list[Action]:
    """Order the faults at random; gaps are exponential with mean `gap_s`; freezes last 1.25 to 2.5 leases."""
    rng = random.Random(f"faults:{seed}")
    kinds = [
        *[Kind.KILL] * counts.kills,
        *[Kind.STOP] * counts.stops,
        *[Kind.ENGINE] * counts.engines,
        *[Kind.HOSTS] * counts.hosts,
        *[Kind.SUBMITTER] * counts.submitters,
        *[Kind.TERM] * counts.terms,
    ]
    rng.shuffle(kinds)
    return [
        Action(
            kind=kind,
            gap_s=min(rng.expovariate(1 / gap_s), gap_s * _GAP_CAP),
            target=rng.randrange(1 << 16),
            hold_s=_hold_s(kind, rng.random(), lease_s),
        )
        for kind in kinds
    ]


def _hold_s(kind: Kind, luck: float, lease_s: float) -> float:
    if kind is Kind.STOP:
        return (1.25 + 1.25 * luck) * lease_s
    return 0.05 * luck if kind is Kind.TERM else 0.0
