"""Whatever is done to the lines of an audit log afterwards is found and named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.unit.audit.test_log import MONTH_S, NOVEMBER_MS, record

from ezaigents.audit import AuditKind, AuditLog, FaultKind, verify
from ezaigents.audit.line import read_line, seal
from ezaigents.clock import ManualClock

_LINES = 5


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A log of five records, the last one on the disk."""
    log = AuditLog(tmp_path, "main", clock=ManualClock(NOVEMBER_MS))
    for number in range(_LINES):
        log.append(record(what=f"act {number}", outcome="ok"), sync=number == _LINES - 1)
    assert verify(tmp_path) == []
    return tmp_path


def _file(home: Path) -> Path:
    return home / "audit" / "2026-11.jsonl"


def _rewrite(home: Path, *order: int) -> None:
    """Leave these lines, in this order."""
    lines = _file(home).read_bytes().splitlines(keepends=True)
    _file(home).write_bytes(b"".join(lines[number] for number in order))


def _found(home: Path) -> list[tuple[FaultKind, str]]:
    return [(fault.kind, fault.where) for fault in verify(home)]


def test_a_byte_altered_anywhere_is_found(home: Path) -> None:
    """At each position of the file, every kind of change to the byte there is a fault, in that line or the next."""
    whole = _file(home).read_bytes()
    for position, byte in enumerate(whole):
        number = whole.count(b"\n", 0, position) + 1
        for other in {byte ^ 1, byte ^ 0x20, 0x0A, 0x20} - {byte}:
            _file(home).write_bytes(whole[:position] + bytes([other]) + whole[position + 1 :])
            faults = verify(home)
            assert faults, (position, other)
            assert faults[0].where in {f"2026-11.jsonl:{number}", f"2026-11.jsonl:{number + 1}"}, (position, faults)


def test_a_byte_more_or_less_is_found(home: Path) -> None:
    """Bytes that were put in or taken out are found like altered ones."""
    whole = _file(home).read_bytes()
    for position in range(len(whole)):
        for changed in (whole[:position] + whole[position + 1 :], whole[:position] + b" " + whole[position:]):
            _file(home).write_bytes(changed)
            assert verify(home), position


@pytest.mark.parametrize("gone", range(_LINES))
def test_a_line_that_was_removed_is_named(home: Path, gone: int) -> None:
    """The number that is missing is told, at the line where it is; the last one is missed by the head."""
    _rewrite(home, *(number for number in range(_LINES) if number != gone))
    (fault,) = verify(home)
    if gone < _LINES - 1:
        assert (fault.kind, fault.where) == (FaultKind.REMOVED, f"2026-11.jsonl:{gone + 1}")
        assert f"record {gone + 1} is missing" in fault.text
    else:
        assert fault.kind is FaultKind.CUT


def test_lines_that_were_exchanged_are_named(home: Path) -> None:
    """A line in another place than its own is told from one that was removed."""
    _rewrite(home, 0, 2, 1, 3, 4)
    assert (FaultKind.REORDERED, "2026-11.jsonl:3") in _found(home)
    assert FaultKind.ALTERED not in {kind for kind, _ in _found(home)}


def test_a_line_that_was_doubled_is_named(home: Path) -> None:
    """A line that stands there twice is out of its place once."""
    lines = _file(home).read_bytes().splitlines(keepends=True)
    _file(home).write_bytes(b"".join([*lines[:3], *lines[2:]]))
    assert _found(home) == [(FaultKind.REORDERED, "2026-11.jsonl:4")]


def test_a_line_that_was_made_anew_is_found_by_the_next(home: Path) -> None:
    """A line with another content and the right hash for it does not fit to the line that follows it."""
    lines = _file(home).read_bytes().splitlines(keepends=True)
    line = read_line(lines[2])
    assert line is not None
    forged, _ = seal(msgspec.structs.replace(line.entry, what="act 2, honestly"))
    _file(home).write_bytes(b"".join([*lines[:2], forged, *lines[3:]]))
    assert _found(home) == [(FaultKind.ALTERED, "2026-11.jsonl:4")]


def test_a_last_line_that_was_made_anew_is_found_by_the_head(home: Path) -> None:
    """The head knows the hash of the last record that asked to be on the disk."""
    lines = _file(home).read_bytes().splitlines(keepends=True)
    line = read_line(lines[-1])
    assert line is not None
    forged, _ = seal(msgspec.structs.replace(line.entry, what="nothing"))
    _file(home).write_bytes(b"".join([*lines[:-1], forged]))
    assert _found(home) == [(FaultKind.CUT, "head")]
    AuditLog(home, "main", clock=ManualClock(NOVEMBER_MS)).append(record())
    assert [kind for kind, _ in _found(home)] == [FaultKind.CUT]


@pytest.mark.parametrize("keep", range(_LINES))
def test_an_end_that_was_cut_off_is_found(home: Path, keep: int) -> None:
    """However many lines are left, none included, the head tells that there were more."""
    _rewrite(home, *range(keep))
    assert _found(home) == [(FaultKind.CUT, "head")]


def test_a_log_that_was_taken_away_is_found(home: Path) -> None:
    """All files gone but the head: that is a log that was cut off whole."""
    _file(home).unlink()
    assert _found(home) == [(FaultKind.CUT, "head")]


def test_a_month_that_was_taken_away_is_found(tmp_path: Path) -> None:
    """The records of a missing month are missing before the first of the next, also the first month of all."""
    clock = ManualClock(NOVEMBER_MS)
    log = AuditLog(tmp_path, "main", clock=clock)
    for _ in range(3):
        log.append(record(), sync=True)
        clock.advance(MONTH_S)
    first, second, third = sorted((tmp_path / "audit").glob("*.jsonl"))
    kept = second.read_bytes()
    second.unlink()
    assert _found(tmp_path) == [(FaultKind.REMOVED, f"{third.name}:1")]
    second.write_bytes(kept)
    first.unlink()
    assert _found(tmp_path) == [(FaultKind.REMOVED, f"{second.name}:1")]


def test_nothing_passes_for_a_line_that_a_crash_has_cut_off(home: Path) -> None:
    """A line between whole ones is a fault, unless the record after it names its very bytes."""
    log = AuditLog(home, "main", clock=ManualClock(NOVEMBER_MS))
    with _file(home).open("ab") as file:
        file.write(b'{"n":6,"at')
    log.append(record())
    assert verify(home) == []
    whole = _file(home).read_bytes()
    _file(home).write_bytes(whole.replace(b'{"n":6,"at\n', b'{"n":6,"xx\n'))
    assert [kind for kind, _ in _found(home)] == [FaultKind.ALTERED]
    _file(home).write_bytes(whole.replace(b'{"n":6,"at\n', b""))
    assert verify(home) == []  # a line that was never a record: nothing is lost with it


def test_nobody_can_write_what_the_log_says_of_itself() -> None:
    """No record that is handed in has the kind of those that close a line or tell of a loss."""
    assert "log" not in {kind.value for kind in AuditKind}
