"""The notes of one place as a file. Job: read it, and change it whole, several processes at once.

Not its job: which notes there may be (notes). The new file is written aside, fsynced and renamed, all under a lock: a
reader, and a crash at any moment, see the notes before a change or after it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from ezaigents.codec import from_json, to_json
from ezaigents.errors import ConfigError, RetryLater

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_FILE_MOST_BYTES = 1024 * 1024
"""Several times what full notes weigh as JSON; a larger file is not one of ours, and is not read."""
_IN_THE_WAY = (IsADirectoryError, NotADirectoryError, FileExistsError)
_LOCK_STEP_S = 0.002


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing worth knowing. `author`: `user`, or an agent's name; `task`: in which the agent wrote it, "" = none.

    `at_ms`: when it was written, or said again. `expires_ms`: when it is dropped; 0 = never, because it is pinned.
    """

    id: str
    text: str
    author: str
    task: str = ""
    at_ms: int
    pinned: bool = False
    expires_ms: int = 0


class NoteFile:
    """`<place>.json` in `folder`, and its lock. Each method raises ConfigError when they cannot be used.

    `lock_wait_s`: so long another process may be writing before this one gives up.
    """

    def __init__(self, folder: Path, place: str, *, lock_wait_s: float = 10.0) -> None:
        self._folder = folder
        self._path = folder / f"{place}.json"
        self._lock = folder / f"{place}.lock"
        self._new = folder / f"{place}.json.new"
        self._lock_wait_s = lock_wait_s

    def read(self) -> list[Note]:
        """The notes; none when there is no file, or when it is damaged: then it is set aside."""
        with self._usable("read"):
            try:
                return _notes_in(self._path)
            except _Damaged:
                pass
            with self._locked():
                return self._read_or_set_aside()

    def change(self, change: Callable[[list[Note]], tuple[list[Note], _T]]) -> _T:
        """Replace the notes by those that `change` makes of them, and return what it returns besides.

        Raises RetryLater when another process keeps the lock, and whatever `change` raises; nothing is changed then.
        """
        with self._usable("written"):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with self._locked():
                before = self._read_or_set_aside()
                after, told = change(before)
                if after != before:
                    self._write(after)
        return told

    def _read_or_set_aside(self) -> list[Note]:
        try:
            return _notes_in(self._path)
        except _Damaged as damage:
            number = 1
            while (aside := self._path.with_name(f"{self._path.name}.damaged-{number}")).exists():
                number += 1
            self._path.rename(aside)
            _log.warning("notes %s were damaged (%s): moved to %s, and begun anew", self._path, damage, aside.name)
            return []

    def _write(self, notes: list[Note]) -> None:
        descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(to_json(notes))
            file.flush()
            os.fsync(file.fileno())
        self._new.replace(self._path)
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end_s = time.monotonic() + self._lock_wait_s
            while not _take(descriptor):
                if time.monotonic() > end_s:
                    waited = f"{self._lock_wait_s:g} s"
                    raise RetryLater(f"another process has been writing {self._path} for {waited}; try again")
                time.sleep(_LOCK_STEP_S)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _usable(self, done: str) -> Iterator[None]:
        try:
            yield
        except _IN_THE_WAY as error:
            raise ConfigError(
                f"notes {self._path} cannot be used: {error.strerror}; move away what is in its place"
            ) from error
        except OSError as error:
            # The file is not named: nothing is wrong with what it holds, and nobody should think of removing it.
            raise ConfigError(
                f"the notes cannot be {done}: {error.strerror}; free space in {self._folder}, or make it writable, "
                "and try again"
            ) from error


class _Damaged(Exception):
    """The file does not hold notes; `str()` says why."""


def _notes_in(path: Path) -> list[Note]:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_MOST_BYTES + 1)
    except FileNotFoundError:
        return []
    if len(data) > _FILE_MOST_BYTES:
        raise _Damaged(f"longer than {_FILE_MOST_BYTES:,} bytes")
    try:
        return from_json(data, list[Note])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Damaged(str(error)) from error


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
