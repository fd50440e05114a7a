"""Appending to the audit log: what a line holds, where the chain goes on, what becomes of what is not whole."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ezaigents.audit import AuditKind, AuditLog, AuditRecord, Fault, FaultKind, verify
from ezaigents.clock import ManualClock
from ezaigents.errors import ConfigError

NOVEMBER_MS = 1_795_000_000_000
MONTH_S = 31 * 86_400


def record(**fields: Any) -> AuditRecord:
    """One act."""
    plain: dict[str, Any] = {"kind": AuditKind.TOOL, "what": "run make", "who": "claude"}
    return AuditRecord(**(plain | fields))


def lines(home: Path) -> list[dict[str, Any]]:
    """All lines, oldest first."""
    files = sorted(home.glob("audit/*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]


def test_a_record_is_kept_as_it_was_given(tmp_path: Path) -> None:
    """A line holds the record, its time and host, and its place in the chain; file and folder are the user's own."""
    log = AuditLog(tmp_path, "main", clock=ManualClock(NOVEMBER_MS))
    log.append(record(task="t", fence=2**60, step=3, outcome="ok", what="a\nb\u202e\udc80"))
    (line,) = lines(tmp_path)
    digest = line.pop("hash")
    assert line == {
        "n": 1, "at_ms": NOVEMBER_MS, "host": "main", "kind": "tool", "task": "t", "fence": 2**60, "step": 3,
        "who": "claude", "what": "a\nb\u202e\\udc80", "outcome": "ok", "prev": "",
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "audit").iterdir()} == {0o600}
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700


def test_a_line_can_be_checked_with_any_tool(tmp_path: Path) -> None:
    """Taken out of its line, the hash is that of what is left; `prev` is the hash of the line before."""
    log = AuditLog(tmp_path, "main")
    hashes = [log.append(record(what=f"é {number}")) for number in range(3)]
    (path,) = tmp_path.glob("audit/*.jsonl")
    for number, raw in enumerate(path.read_bytes().splitlines()):
        bare = re.sub(rb',"hash":"[0-9a-f]{64}"}$', b"}", raw)
        assert hashlib.sha256(bare).hexdigest() == hashes[number]
        assert json.loads(raw)["prev"] == (hashes[number - 1] if number else "")


def test_what_is_too_long_is_cut(tmp_path: Path) -> None:
    """No record grows without bound, however many characters must be escaped; what comes after finds its end."""
    log = AuditLog(tmp_path, "\x01" * 9999)
    for _ in range(3):
        log.append(record(what="\x01" * 9999, who="\x01" * 9999, task="\x01" * 9999, outcome="\x01" * 9999))
    first = lines(tmp_path)[0]
    assert len(first["what"].encode()) <= 2048
    assert {len(first[name].encode()) <= 256 for name in ("host", "who", "task", "outcome")} == {True}
    assert verify(tmp_path) == []


def test_the_chain_goes_on_over_the_months(tmp_path: Path) -> None:
    """A new month is a new file that follows from the last line of the one before; numbers go on."""
    clock = ManualClock(NOVEMBER_MS)
    log = AuditLog(tmp_path, "main", clock=clock)
    last = log.append(record())
    clock.advance(2 * MONTH_S)
    log.append(record())
    assert [path.name for path in sorted(tmp_path.glob("audit/*.jsonl"))] == ["2026-11.jsonl", "2027-01.jsonl"]
    assert [(line["n"], line["prev"]) for line in lines(tmp_path)] == [(1, ""), (2, last)]
    assert verify(tmp_path) == []


def test_a_clock_set_back_does_not_break_the_chain(tmp_path: Path) -> None:
    """What is appended comes last, whatever month the clock says."""
    AuditLog(tmp_path, "main", clock=ManualClock(NOVEMBER_MS)).append(record())
    AuditLog(tmp_path, "main", clock=ManualClock(NOVEMBER_MS - MONTH_S * 1000)).append(record())
    assert [path.name for path in tmp_path.glob("audit/*.jsonl")] == ["2026-11.jsonl"]
    assert verify(tmp_path) == []


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_off_is_closed(tmp_path: Path, cut: int) -> None:
    """The next record says how many bytes were cut off, and follows from the last whole one: no fault is left."""
    log = AuditLog(tmp_path, "main")
    whole = [log.append(record()) for _ in range(2)]
    (path,) = tmp_path.glob("audit/*.jsonl")
    with path.open("ab") as file:
        file.write(path.read_bytes()[:cut])
    assert [fault.kind for fault in verify(tmp_path)] == [FaultKind.TORN]
    log.append(record(what="after"))
    assert verify(tmp_path) == []
    torn, after = [json.loads(line) for line in path.read_bytes().splitlines()[3:]]
    assert (torn["kind"], torn["outcome"], torn["prev"]) == ("log", "torn", whole[1])
    assert torn["what"].startswith(f"{cut} bytes")
    assert (after["what"], after["n"]) == ("after", 4)


def test_a_cut_line_is_closed_in_its_own_month(tmp_path: Path) -> None:
    """A month that ended with a crash is closed before the next one begins."""
    clock = ManualClock(NOVEMBER_MS)
    log = AuditLog(tmp_path, "main", clock=clock)
    log.append(record())
    with (tmp_path / "audit" / "2026-11.jsonl").open("ab") as file:
        file.write(b'{"n":')
    clock.advance(MONTH_S)
    for _ in range(2):
        log.append(record())
    assert [len(path.read_bytes().splitlines()) for path in sorted(tmp_path.glob("audit/*.jsonl"))] == [4, 1]
    assert verify(tmp_path) == []


def test_a_first_line_that_was_cut_off_is_closed(tmp_path: Path) -> None:
    """Also where there is no whole line at all yet, and where several attempts were cut off one after the other."""
    log = AuditLog(tmp_path, "main", clock=ManualClock(NOVEMBER_MS))
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "2026-11.jsonl").write_bytes(b'{"n":1\n{"n":1,"at')
    log.append(record())
    assert [fault.text for fault in verify(tmp_path)] == []
    raw = (tmp_path / "audit" / "2026-11.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["n"] for line in raw[2:]] == [1, 2]


def test_what_is_far_too_long_to_be_a_line_is_gone_back_over(tmp_path: Path) -> None:
    """The last record is found however much of something else follows it."""
    log = AuditLog(tmp_path, "main")
    log.append(record())
    (path,) = tmp_path.glob("audit/*.jsonl")
    with path.open("ab") as file:
        file.write(b"x" * 300_000)
    log.append(record())
    assert [json.loads(line)["n"] for line in path.read_bytes().splitlines()[2:]] == [2, 3]
    assert verify(tmp_path) == []


def test_an_end_that_was_cut_off_is_said_by_the_next_record(tmp_path: Path) -> None:
    """What was on the disk and is gone is told of for ever: the next append says so, and so does every check."""
    log = AuditLog(tmp_path, "main")
    for number in range(5):
        log.append(record(what=str(number)), sync=True)
    (path,) = tmp_path.glob("audit/*.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    (fault,) = verify(tmp_path)
    assert (fault.kind, "record 5" in fault.text) == (FaultKind.CUT, True)
    log.append(record(what="after"))
    log.append(record(what="later"))
    (fault,) = verify(tmp_path)
    assert fault == Fault(FaultKind.CUT, f"{path.name}:3", fault.text)
    assert fault.text.startswith("records 3 to 5 were written and are missing")


def test_every_64th_record_moves_the_head(tmp_path: Path) -> None:
    """Of records that did not ask for it at most 64 can be cut off unnoticed."""
    log = AuditLog(tmp_path, "main")
    for _ in range(130):
        log.append(record())
    (path,) = tmp_path.glob("audit/*.jsonl")
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:-1]))
    assert verify(tmp_path) == []
    path.write_bytes(b"".join(whole[:-64]))
    assert [fault.kind for fault in verify(tmp_path)] == [FaultKind.CUT]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"n":1,"hash":"x"}'])
def test_a_head_that_is_lost_is_no_secret(tmp_path: Path, damage: bytes) -> None:
    """Without its head a log cannot tell whether its end was cut off: check and next append say so."""
    log = AuditLog(tmp_path, "main")
    for _ in range(70):
        log.append(record())
    (tmp_path / "audit" / "head").write_bytes(damage)
    assert [fault.kind for fault in verify(tmp_path)] == [FaultKind.CUT]
    if damage.endswith(b"}"):
        return
    log.append(record())
    (fault,) = verify(tmp_path)
    assert "head was missing or damaged" in fault.text


def test_a_log_that_cannot_be_written_refuses(tmp_path: Path) -> None:
    """What cannot be written down must not be done: the error names the folder and what to do."""
    (tmp_path / "audit").write_text("in the way")
    with pytest.raises(ConfigError, match=r"audit.*try again"):
        AuditLog(tmp_path, "main").append(record())


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Nothing is appended to, or locked, where a link leads."""
    (tmp_path / "audit").mkdir()
    for name in ("head", "2026-11.jsonl"):
        target = tmp_path / f"target of {name}"
        target.write_bytes(b"")
        (tmp_path / "audit" / name).symlink_to(target)
        with pytest.raises(ConfigError):
            AuditLog(tmp_path, "main", clock=ManualClock(NOVEMBER_MS)).append(record())
        assert target.read_bytes() == b""
        (tmp_path / "audit" / name).unlink()


def test_no_log_is_no_fault(tmp_path: Path) -> None:
    """A data folder in which nothing was done yet is in order, and a check makes nothing."""
    assert verify(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
