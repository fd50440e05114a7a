"""What was spent on days that are over: `ledger/<yyyy-mm>.jsonl` in the data folder, a scope a line. Job: append, read.

Written and fsynced before the engine forgets a day. A crash in between writes a line twice, and a day that was
corrected meanwhile once more: of each scope the last whole line counts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ezaigents.budget.scopes import ScopeState
from ezaigents.codec import from_json, to_json


def append_closed(folder: Path, closed: Iterable[ScopeState]) -> int:
    """Write down, durably, those that do not stand there yet; returns how many that were. Raises OSError."""
    by_month: dict[str, list[ScopeState]] = {}
    for state in closed:
        by_month.setdefault(state.day[:7], []).append(state)
    written = 0
    for month, states in by_month.items():
        there = read_ledger(folder, month)
        fresh = [state for state in states if there.get(state.scope) != state]
        if fresh:
            _append(folder, month, b"".join(to_json(state) + b"\n" for state in fresh))
        written += len(fresh)
    return written


def read_ledger(folder: Path, month: str) -> dict[str, ScopeState]:
    """By scope, what was counted on the days of a month (`yyyy-mm`); empty where nothing was written."""
    found: dict[str, ScopeState] = {}
    with contextlib.suppress(FileNotFoundError), (folder / f"{month}.jsonl").open("rb") as file:
        for line in file:
            with contextlib.suppress(msgspec.DecodeError):  # a line that a crash has torn
                state = from_json(line, ScopeState)
                found[state.scope] = state
    return found


def _append(folder: Path, month: str, lines: bytes) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{month}.jsonl"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        # A crash may have torn the last line: what follows begins on a line of its own.
        torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
        text = b"\n" + lines if torn else lines
        if file.write(text) != len(text):
            raise OSError(f"{path} could not be written whole")
        os.fsync(file.fileno())
    _fsync_folder(folder)


def _fsync_folder(folder: Path) -> None:
    """A file that was just made is only there for good when its folder is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
