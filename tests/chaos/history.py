"""What happened, as each process saw it: one line per event, in a file of its own outside the engine.

Job: the events, writing them so that a killed process loses none, reading them back. Not its job: judging (checker.py).
Times are CLOCK_MONOTONIC seconds, which all processes of one machine share. An invoke without an answer is unknown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import msgspec


class Phase(StrEnum):
    """Where a call stands: sent, taken, refused, or sent with an unknown outcome."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="what"):
    at: float
    who: str


class Submit(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="submit"):
    """A submit of one task under `key`. On ok, `task` is the id by which the queue knows it.

    `parents`: their keys. `rule`: on_parent_failure. `ends`: how the agent leaves it when nothing else ends it first.
    """

    phase: Phase
    key: str
    task: str
    run: str = ""
    parents: tuple[str, ...] = ()
    rule: str = "fail"
    delay_ms: int = 0
    ends: str = "done"


class Claimed(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="claim"):
    """A host was given a task. `asked_at`: when it sent the claim, so the lease began between that and `at`."""

    host: str
    task: str
    fence: int
    asked_at: float
    lease_s: float


class Began(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="begin"):
    """The agent began to execute a claim."""

    task: str
    fence: int
    attempt: int = 1


class Effect(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="effect"):
    """The execution had its effect; it counts as committed only if the finish under this fence is taken."""

    task: str
    fence: int


class Settle(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="settle"):
    """A holder hands a claim back: finish, retry, fail, release or cancel. `delay_ms`: of a retry."""

    phase: Phase
    verb: str
    task: str
    fence: int
    delay_ms: int = 0


class Fault(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="fault"):
    """Something was broken: kill, stop, cont, engine, hosts, stall, term, submitter. `target`: a name, * = all hosts.

    Written before it is done. `gone` is written when the process of a host was seen to have ended.
    """

    kind: str
    target: str = "*"


class Up(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="up"):
    """A host is ready. `adopted`: the engine was living already."""

    name: str
    pid: int
    engine_pid: int
    adopted: bool


class Final(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="final"):
    """What the engine says of a task at the end."""

    task: str
    state: str
    key: str = ""
    fence: int = 0
    attempts: int = 0
    crashes: int = 0
    solo_crashes: int = 0
    error: str = ""


class Totals(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="totals"):
    """The engine's counters at the end: accepted, purged, and one per state."""

    counts: dict[str, int]


Event = Submit | Claimed | Began | Effect | Settle | Fault | Up | Final | Totals
_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Event)


class EventLog:
    """Appends events to one file, each in one write: what was written survives the kill of its writer."""

    def __init__(self, path: Path, who: str) -> None:
        self.who = who
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, *events: Event) -> None:
        """Append events, in order, in one write."""
        os.write(self._fd, b"".join([_encode(event) + b"\n" for event in events]))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def now_s() -> float:
    """The time an event carries, to the microsecond."""
    return round(time.monotonic(), 6)


def read_history(paths: Iterable[Path]) -> list[Event]:
    """Read files of events, in order of time; a line cut off by a full disk or a kill is left out."""
    events: list[Event] = []
    for path in paths:
        with path.open("rb") as file:
            events += [_decoder.decode(line) for line in file if line.endswith(b"\n")]
    events.sort(key=lambda event: event.at)
    return events
