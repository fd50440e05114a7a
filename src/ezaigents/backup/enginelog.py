"""The embedded engine's log as files. Job: hold it still at one moment, while the engine goes on writing.

The log is a base that never changes, and increments that are only appended to; a manifest says which count. A rewrite
begins the next increment, names it in the manifest before anything is written there, and removes old files at its end;
files that are open stay. So the files that a manifest names, each up to its size, are the state of a moment after that
manifest was read: nothing is asked of the engine, nothing forks. A record at the end that is only half there is cut
off by the engine that reads it; scripts are there whole or not.

Source: https://valkey.io/topics/persistence/ (append-only file, multi-part), read 2026-11.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ezaigents.errors import EngineUnfit, RetryLater

LOG_FOLDER = "appendonlydir"
_MANIFEST = "appendonly.aof.manifest"
_LINE = re.compile(r"file (appendonly\.aof\.\d{1,12}\.(?:base\.rdb|base\.aof|incr\.aof)) seq \d+ type ([bih])(?: .*)?")
_NAME = re.compile(r"appendonly\.aof\.(?:manifest|\d{1,12}\.(?:base\.rdb|base\.aof|incr\.aof))")
_TRIES = 100


class LogFile(msgspec.Struct, frozen=True):
    """An open file of the log; its first `size_bytes` belong to the moment."""

    name: str
    descriptor: int
    size_bytes: int


class LogAtMoment(msgspec.Struct, frozen=True):
    """The manifest's text, and the files it names; no files where the engine has never run."""

    manifest: bytes
    files: tuple[LogFile, ...]

    @property
    def size_bytes(self) -> int:
        """All of it together."""
        return len(self.manifest) + sum(file.size_bytes for file in self.files)


def is_log_name(name: str) -> bool:
    """Say whether a file of this name can be one of the log."""
    return _NAME.fullmatch(name) is not None


def manifest_name() -> str:
    """What the manifest is called; it is to be written last."""
    return _MANIFEST


@contextmanager
def log_at_moment(home: Path) -> Iterator[LogAtMoment]:
    """The log as it is now; its files are closed on leaving. Raises EngineUnfit when it is none of ours, RetryLater."""
    opened: list[int] = []
    try:
        yield _hold(home / LOG_FOLDER, opened)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _hold(folder: Path, opened: list[int]) -> LogAtMoment:
    for _ in range(_TRIES):
        text = _read_manifest(folder)
        if text is None:
            return LogAtMoment(b"", ())
        names = _names_in(text, folder)
        while opened:
            os.close(opened.pop())
        try:
            opened.extend(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC) for name in names)
        except FileNotFoundError:
            continue
        sizes = [os.fstat(descriptor).st_size for descriptor in opened]
        files = tuple(LogFile(*row) for row in zip(names, opened, sizes, strict=True))
        return LogAtMoment(_without_old(text), files)
    raise RetryLater(f"the engine rewrote its log in {folder} again and again; try again")


def _read_manifest(folder: Path) -> bytes | None:
    try:
        return (folder / _MANIFEST).read_bytes()
    except FileNotFoundError:
        return None


def _without_old(text: bytes) -> bytes:
    """The manifest without files that are only waiting to be removed."""
    return b"".join(line + b"\n" for line in text.splitlines() if b" type h" not in line)


def _names_in(text: bytes, folder: Path) -> list[str]:
    names = []
    for line in text.decode("utf-8", "replace").splitlines():
        said = _LINE.fullmatch(line)
        if said is None:
            raise EngineUnfit(f"{folder / _MANIFEST} is not as the engine writes it: {line[:80]!r}")
        if said[2] != "h":
            names.append(said[1])
    return names
