"""The files of the log. Job: which there are, where the chain ends, the lock, the head. Not its job: what is appended.

`<yyyy-mm>.jsonl`: the records of a month. `head`: number and hash of a record that is known to be on the disk; it is
the lock of all who append, too. It shows that the end of the log was cut off, which the chain itself cannot.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ezaigents.audit.line import Line, read_line
from ezaigents.codec import from_json, to_json
from ezaigents.errors import RetryLater

_MONTH = re.compile(r"\d{4}-\d{2}\.jsonl")
_WINDOW_BYTES = 64 * 1024
"""The longest line, every character of it escaped, is well under half of this."""
_HEAD_BYTES = 128
"""Always written whole, in one call, over what was there."""
_LOCK_STEP_S = 0.002


class Head(msgspec.Struct, frozen=True):
    """A record that was on the disk when this was written."""

    n: int
    hash: str


class Tail(msgspec.Struct, frozen=True):
    """How a file ends: its last record, and what follows it (a line that was cut off)."""

    last: Line | None
    rest: bytes


def folder_of(home: Path) -> Path:
    """Where the log lies."""
    return home / "audit"


def months(folder: Path) -> list[Path]:
    """Its files, oldest first."""
    try:
        return sorted(path for path in folder.iterdir() if _MONTH.fullmatch(path.name))
    except FileNotFoundError:
        return []


def month_name(at_ms: int) -> str:
    """The file of a time (UTC)."""
    return time.strftime("%Y-%m.jsonl", time.gmtime(at_ms / 1000))


def read_tail(path: Path) -> Tail:
    """Look at the end of a file, further back only where that is no record."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        window = _WINDOW_BYTES
        while True:
            start = max(0, size - window)
            file.seek(start)
            tail = _tail_of(file.read(size - start), whole=start == 0)
            if tail is not None:
                return tail
            window *= 4


def _tail_of(data: bytes, *, whole: bool) -> Tail | None:
    """None when there is no record in the data, and more before it."""
    end = len(data)
    while (stop := data.rfind(b"\n", 0, end)) >= 0:
        start = data.rfind(b"\n", 0, stop) + 1
        if start == 0 and not whole:
            return None
        line = read_line(data[start : stop + 1])
        if line is not None:
            return Tail(line, data[stop + 1 :])
        end = stop
    return Tail(None, data) if whole else None


def chain_end(files: list[Path]) -> Tail:
    """The last record of all, and what follows it in the newest file."""
    rest = b""
    for path in reversed(files):
        tail = read_tail(path)
        rest = tail.rest if path == files[-1] else rest
        if tail.last is not None:
            return Tail(tail.last, rest)
    return Tail(None, rest)


def read_head(descriptor: int) -> Head | None:
    """What was known to be on the disk; None when there is nothing that can be read."""
    try:
        return from_json(os.pread(descriptor, _HEAD_BYTES, 0), Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_head(descriptor: int, head: Head) -> None:
    """Write it over the old one. Of records that are on the disk only: then it never promises what a crash takes."""
    os.pwrite(descriptor, to_json(head).ljust(_HEAD_BYTES - 1) + b"\n", 0)


@contextlib.contextmanager
def alone(folder: Path, *, wait_s: float, shared: bool = False) -> Iterator[int]:
    """Hold the lock, with the head's descriptor. Raises RetryLater when another process keeps it, OSError.

    `shared`: only keep others from appending, and make nothing.
    """
    how = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
    descriptor = os.open(folder / "head", how | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        end_s = time.monotonic() + wait_s
        while not _take(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            if time.monotonic() > end_s:
                raise RetryLater(
                    f"another process has kept the audit log {folder} for {wait_s:g} s; it may be stopped: "
                    "end it or let it go on, and try again"
                )
            time.sleep(_LOCK_STEP_S)
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
