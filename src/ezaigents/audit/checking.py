"""Is the log what was written? Job: follow the chain from its first record to its head, name what does not fit.

It changes nothing, and may run beside processes that append. A line that a crash has cut off is no fault once the next
record has said so; the last one is named as torn. Not its job: what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from ezaigents.audit.folder import Head, alone, folder_of, months, read_head
from ezaigents.audit.line import LOST, OWN, TORN, Line, read_line, torn_words
from ezaigents.audit.log import SYNC_EVERY

_PIECE_BYTES = 256 * 1024
_REST_MOST_BYTES = 1024 * 1024
_LOCK_WAIT_S = 10.0


class FaultKind(StrEnum):
    """What was done to a line. `cut`: the end of the log, or all of it, is missing. `torn`: as a crash leaves it."""

    ALTERED = "altered"
    REMOVED = "removed"
    REORDERED = "reordered"
    TORN = "torn"
    CUT = "cut"


class Fault(msgspec.Struct, frozen=True):
    """One disagreement. `where`: file and line, `2026-11.jsonl:12`, or the file alone."""

    kind: FaultKind
    where: str
    text: str


def verify(home: Path) -> list[Fault]:
    """Check the log of a data folder; [] when it is whole, or there is none.

    Raises RetryLater when a process keeps the log for 10 s, OSError.
    """
    folder = folder_of(home)
    try:
        with alone(folder, wait_s=_LOCK_WAIT_S, shared=True) as head_file:
            head, files = read_head(head_file), [(path, path.stat().st_size) for path in months(folder)]
    except FileNotFoundError:
        head, files = None, [(path, path.stat().st_size) for path in months(folder)]
    walk = _Walk(head)
    for path, size in files:
        walk.through(path, size, is_last=path == files[-1][0])
    walk.end()
    return walk.faults


class _Walk:
    """Goes along the chain. `rest`: bytes since the last record that are none."""

    def __init__(self, head: Head | None) -> None:
        self.faults: list[Fault] = []
        self._head = head
        self._head_seen = False
        self._last = Head(0, "")
        self._rest = bytearray()
        self._rest_at = ""

    def through(self, path: Path, size: int, *, is_last: bool) -> None:
        """Follow it through one file, as long as it was."""
        for number, raw in enumerate(_lines(path, size), 1):
            where = f"{path.name}:{number}"
            line = read_line(raw)
            if line is None:
                self._rest_at = self._rest_at or where
                self._rest += raw[: max(0, _REST_MOST_BYTES - len(self._rest))]
            else:
                self._settle_rest(line)
                self._follow(line, where)
        if self._rest:
            cut_off = is_last and b"\n" not in self._rest
            text = "is cut off: a crash in the middle of an append" if cut_off else "is not a record"
            self._fault(FaultKind.TORN if cut_off else FaultKind.ALTERED, self._rest_at, text)
            self._forget_rest()

    def end(self) -> None:
        """The head tells how far it went once."""
        if self._head is None and self._last.n > SYNC_EVERY:
            self._fault(FaultKind.CUT, "head", "is missing or damaged: whether the end was cut off cannot be said")
        elif self._head is not None and not self._head_seen:
            text = f"record {self._head.n} was written and is not there as it was; the last found is {self._last.n}"
            self._fault(FaultKind.CUT, "head", text)

    def _settle_rest(self, line: Line) -> None:
        """What is no record must be what this one says it follows."""
        if self._rest:
            said = line.entry.kind == OWN and line.entry.outcome == TORN and line.entry.what
            if said != torn_words(bytes(self._rest)):
                self._fault(FaultKind.ALTERED, self._rest_at, "is not a record")
            self._forget_rest()

    def _forget_rest(self) -> None:
        self._rest.clear()
        self._rest_at = ""

    def _follow(self, line: Line, where: str) -> None:
        entry, due = line.entry, self._last.n + 1
        if not line.is_true:
            self._fault(FaultKind.ALTERED, where, f"record {entry.n} has not the hash that it says")
        if entry.n > due:
            missing = f"records {due} to {entry.n - 1} are" if entry.n > due + 1 else f"record {due} is"
            self._fault(FaultKind.REMOVED, where, f"{missing} missing before record {entry.n}")
        elif entry.n < due:
            self._fault(FaultKind.REORDERED, where, f"record {entry.n} stands after record {self._last.n}")
        elif entry.prev != self._last.hash:
            self._fault(FaultKind.ALTERED, where, f"record {entry.n} does not follow from the one before it")
        if entry.kind == OWN and entry.outcome == LOST:
            self._fault(FaultKind.CUT, where, entry.what)
        self._last = Head(entry.n, line.hash)
        self._head_seen = self._head_seen or self._last == self._head

    def _fault(self, kind: FaultKind, where: str, text: str) -> None:
        self.faults.append(Fault(kind, where, text))


def _lines(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while size > 0 and (raw := file.readline(min(size, _PIECE_BYTES))):
            size -= len(raw)
            yield raw
