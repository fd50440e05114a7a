"""Several processes append to one log at once; some are killed, cut short or frozen in the middle of it."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ezaigents.audit import AuditKind, AuditLog, AuditRecord, FaultKind, verify
from ezaigents.errors import RetryLater

_WITHIN_S = 60.0
_WRITER = """
import sys
from pathlib import Path
from ezaigents.audit import AuditKind, AuditLog, AuditRecord

log = AuditLog(Path(sys.argv[1]), sys.argv[2])
print("up", flush=True)
for number in range(int(sys.argv[3])):
    what = f"{number} " + "x" * 300
    log.append(AuditRecord(kind=AuditKind.TOOL, what=what, who=sys.argv[2]), sync=number % 8 == 0)
    print(number, flush=True)
"""
# The kernel ends the process in the middle of its write, with a part of the line on the disk.
_CUT_SHORT = """
import resource, signal, sys
from pathlib import Path
from ezaigents.audit import AuditKind, AuditLog, AuditRecord

signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
AuditLog(Path(sys.argv[1]), "cut").append(AuditRecord(kind=AuditKind.TOOL, what="one more", who="cut"))
"""
_FOR_EVER = "1000000"


def _begin(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE)


def _writer(home: Path, name: str, number: str) -> subprocess.Popen[bytes]:
    """One that is at work when this returns."""
    process = _begin(_WRITER, str(home), name, number)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


def _last_told(process: subprocess.Popen[bytes]) -> int:
    """The last record whose append returned."""
    told, _ = process.communicate(timeout=_WITHIN_S)
    return max((int(line) for line in told.split(b"\n")[:-1]), default=-1)


def _record(what: str) -> AuditRecord:
    return AuditRecord(kind=AuditKind.TOOL, what=what, who="test")


def _kept(home: Path) -> dict[str, list[int]]:
    """The numbers of the records of each writer, in the order of the log."""
    kept: dict[str, list[int]] = {}
    for path in sorted(home.glob("audit/*.jsonl")):
        for raw in path.read_bytes().splitlines():
            if raw.endswith(b'"}') and (line := json.loads(raw))["kind"] == "tool":
                kept.setdefault(line["who"], []).append(int(line["what"].split()[0]))
    return kept


def test_four_processes_make_one_chain(tmp_path: Path) -> None:
    """4 x 100 records appended at once are 400 lines of one chain, each process's in its own order."""
    writers = [_writer(tmp_path, f"w{number}", "100") for number in range(4)]
    assert [_last_told(writer) for writer in writers] == [99] * 4
    assert verify(tmp_path) == []
    assert _kept(tmp_path) == {f"w{number}": list(range(100)) for number in range(4)}


def test_kill_9_at_any_moment_loses_nothing_that_was_told(tmp_path: Path) -> None:
    """Processes are killed and replaced while four append: the chain stays whole, and what returned is in it."""
    luck = random.Random(20261128)
    told: dict[str, int] = {}
    writers = {f"w{number}": _writer(tmp_path, f"w{number}", _FOR_EVER) for number in range(4)}
    for round_ in range(24):
        name = luck.choice(sorted(writers))
        victim = writers.pop(name)
        size = _size(tmp_path)
        while _size(tmp_path) < size + luck.randrange(20_000):
            os.sched_yield()
        victim.kill()
        told[name] = _last_told(victim)
        writers[f"w{4 + round_}"] = _writer(tmp_path, f"w{4 + round_}", _FOR_EVER)
    for name, writer in writers.items():
        writer.kill()
        told[name] = _last_told(writer)
    AuditLog(tmp_path, "main").append(_record("0 the last one"))
    assert verify(tmp_path) == []
    kept = _kept(tmp_path)
    for name, last in told.items():
        numbers = kept.get(name, [])
        assert numbers == list(range(len(numbers)))
        assert len(numbers) in (last + 1, last + 2)  # one may be in the log whose append had no time to return


def _size(home: Path) -> int:
    return sum(path.stat().st_size for path in home.glob("audit/*.jsonl"))


def test_an_append_that_is_cut_short_at_any_byte_is_closed(tmp_path: Path) -> None:
    """Ended in the middle of its line, wherever that is, a process leaves a log that the next append closes."""
    log = AuditLog(tmp_path, "main")
    log.append(_record("0"), sync=True)
    (path,) = tmp_path.glob("audit/*.jsonl")
    length = path.stat().st_size
    for cut in range(1, length - 10, 40):
        before = path.stat().st_size
        process = _begin(_CUT_SHORT, str(tmp_path), str(before + cut))
        process.communicate(timeout=_WITHIN_S)
        assert process.returncode == -signal.SIGXFSZ
        assert path.stat().st_size == before + cut
        assert [fault.kind for fault in verify(tmp_path)] == [FaultKind.TORN]
        log.append(_record(str(cut)))
        assert verify(tmp_path) == []


def test_a_process_that_is_frozen_and_wakes_up_harms_nothing(tmp_path: Path) -> None:
    """Frozen at any moment of an append, and woken after others have appended or were refused: one whole chain."""
    frozen = _writer(tmp_path, "frozen", _FOR_EVER)
    others = AuditLog(tmp_path, "main", lock_wait_s=0.05)
    appended = refused = 0
    luck = random.Random(7)
    for _ in range(60):
        size = _size(tmp_path)
        while _size(tmp_path) < size + luck.randrange(3000):
            os.sched_yield()
        frozen.send_signal(signal.SIGSTOP)
        os.waitpid(frozen.pid, os.WUNTRACED)
        for _ in range(3):
            try:
                others.append(_record("0"))
                appended += 1
            except RetryLater:
                refused += 1
        frozen.send_signal(signal.SIGCONT)
    frozen.kill()
    frozen.communicate(timeout=_WITHIN_S)
    others = AuditLog(tmp_path, "main")
    others.append(_record("0"))
    assert verify(tmp_path) == []
    assert appended
    assert len(_kept(tmp_path)["test"]) == appended + 1


def test_a_lock_that_is_kept_is_said_and_not_waited_for_for_ever(tmp_path: Path) -> None:
    """While another process keeps the log an append is refused after its wait, and goes on when that one has ended."""
    log = AuditLog(tmp_path, "main", lock_wait_s=0.05)
    log.append(_record("0"))
    with (tmp_path / "audit" / "head").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RetryLater, match="may be stopped"):
            log.append(_record("1"))
    log.append(_record("2"))
    assert verify(tmp_path) == []


def test_a_check_beside_processes_at_work_finds_nothing(tmp_path: Path) -> None:
    """Whatever is being appended meanwhile, a check never takes it for a fault."""
    writers = [_writer(tmp_path, f"w{number}", _FOR_EVER) for number in range(2)]
    faults = [fault for _ in range(30) for fault in verify(tmp_path)]
    for writer in writers:
        writer.kill()
        writer.communicate(timeout=_WITHIN_S)
    assert faults == []
