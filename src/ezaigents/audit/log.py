"""Appending to the log. Job: one record at the end of the chain, whoever else appends, whoever died while appending.

Not its job: what is worth a record, looking whether the chain is whole (checking).

Each append takes a lock, reads the end of the chain and writes one piece, its line. A process that is frozen in the
middle keeps the lock, so that nobody has come between when it goes on; one that dies leaves at most a line that is cut
off, which the next append closes with a record that says so.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ezaigents.audit.folder import Head, alone, chain_end, folder_of, month_name, months, read_head, write_head
from ezaigents.audit.line import LOST, TORN, Entry, Line, entry_of, own_entry, seal, torn_words
from ezaigents.audit.record import AuditRecord
from ezaigents.clock import Clock, SystemClock
from ezaigents.errors import ConfigError

SYNC_EVERY = 64
"""Records at most that a loss of power takes, or that can be cut off the end unnoticed."""
_LOCK_WAIT_S = 10.0


class AuditLog:
    """The audit log of a data folder, as written by `host`. May be used from any thread; it blocks: call it in one.

    `lock_wait_s`: so long another process may keep the lock before an append is refused.
    """

    def __init__(self, home: Path, host: str, *, clock: Clock | None = None, lock_wait_s: float = _LOCK_WAIT_S) -> None:
        self._folder = folder_of(home)
        self._host = host
        self._clock = clock or SystemClock()
        self._lock_wait_s = lock_wait_s

    def append(self, record: AuditRecord, *, sync: bool = False) -> str:
        """Write a record down; returns its hash. `sync`: it is on the disk before this returns.

        Raises ConfigError when the log cannot be written, RetryLater when another process keeps it: the act must not
        happen then.
        """
        with self._usable():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with alone(self._folder, wait_s=self._lock_wait_s) as head:
                return self._append(head, record, sync=sync)

    def _append(self, head_file: int, record: AuditRecord, *, sync: bool) -> str:
        now_ms = self._clock.wall_ms()
        files = months(self._folder)
        end, head = chain_end(files), read_head(head_file)
        lines, last = self._lines(record, end.last, end.rest, head, now_ms)
        path = self._file(files, now_ms, is_torn=bool(end.rest))
        begins = b"" if not end.rest or end.rest.endswith(b"\n") else b"\n"
        if sync or head is None or len(lines) > 1 or last.n - head.n >= SYNC_EVERY:
            _write(path, begins + b"".join(lines), sync=True)
            write_head(head_file, last)
        else:
            _write(path, begins + b"".join(lines), sync=False)
        return last.hash

    def _lines(
        self, record: AuditRecord, before: Line | None, rest: bytes, head: Head | None, at_ms: int
    ) -> tuple[list[bytes], Head]:
        """The record's line, before it those about what is wrong with the end of the chain; and the new end."""
        lines: list[bytes] = []
        last = Head(before.entry.n, before.hash) if before else Head(0, "")

        def add(entry: Entry) -> None:
            nonlocal last
            line, digest = seal(entry)
            lines.append(line)
            last = Head(entry.n, digest)

        missing = _missing(last, head)
        if rest:
            add(own_entry(TORN, torn_words(rest), n=last.n + 1, prev=last.hash, at_ms=at_ms, host=self._host))
        if missing:
            add(own_entry(LOST, missing, n=last.n + 1, prev=last.hash, at_ms=at_ms, host=self._host))
        add(entry_of(record, n=last.n + 1, prev=last.hash, at_ms=at_ms, host=self._host))
        return lines, last

    def _file(self, files: list[Path], now_ms: int, *, is_torn: bool) -> Path:
        """This month's; the newest one when it is of a later month, or is to be closed first."""
        path = self._folder / month_name(now_ms)
        if files and (is_torn or files[-1].name > path.name):
            return files[-1]
        return path

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"the audit log {self._folder} cannot be written: {error.strerror}; what it would record is not done; "
                "free space there, or make it writable, and try again"
            ) from error


def _missing(last: Head, head: Head | None) -> str:
    """What is to be said when the log does not reach to where it once did; "" when it does."""
    if head is None:
        return f"the head was missing or damaged; the last record found is {last.n}" if last.n > SYNC_EVERY else ""
    if head.n > last.n:
        return f"records {last.n + 1} to {head.n} were written and are missing, the last with hash {head.hash}"
    if head.n == last.n and head.hash != last.hash:
        return f"record {head.n} is not the one that was written, with hash {head.hash}"
    return ""


def _write(path: Path, data: bytes, *, sync: bool) -> None:
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if sync or is_new:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
