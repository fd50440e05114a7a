"""The backup of what an import read, as lines of JSON. Job: write it durably before anything else, read it back.

First line: what it is and where from; last: how many entries, and the SHA-256 of all lines before. An entry that holds
a secret is a line without its bytes.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self, TypeVar

import msgspec

from ezaigents.codec import from_json, restored, storable, to_json
from ezaigents.errors import ConfigError
from ezaigents.legacy.entries import OldEntry
from ezaigents.legacy.names import Part
from ezaigents.workspace import sync_folder

_T = TypeVar("_T")
_FORMAT = "ezaigents-legacy-backup"


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    version: int
    server: str


class _Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`text`: the entry; `base64` where it is no UTF-8. `passed_over`: it was not to be imported, and why."""

    part: Part
    key: str
    lane: str
    level: str = ""
    field: str = ""
    number: int = 1
    text: str = ""
    base64: str = ""
    passed_over: str = ""


class _End(msgspec.Struct, frozen=True, kw_only=True):
    entries: int
    sha256: str


class Backup:
    """A backup being written: `with Backup(path, server) as backup`. It is whole, and named so, once it is left.

    Left by an error, it is removed.
    """

    def __init__(self, path: Path, server: str) -> None:
        self.path = path
        self._draft = path.with_name(f"{path.name}.part")
        self._hash = hashlib.sha256()
        self._entries = 0
        self._file: IO[bytes] = os.fdopen(
            os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb"
        )
        self._write(_Head(format=_FORMAT, version=1, server=server))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            self._write(_End(entries=self._entries, sha256=self._hash.hexdigest()))
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if kind is not None:
            self._draft.unlink(missing_ok=True)
            return
        self._draft.replace(self.path)
        sync_folder(self.path.parent)

    def add(self, entry: OldEntry, *, passed_over: str = "", withheld: bool = False) -> None:
        """Write an entry. `withheld`: without its bytes."""
        raw = b"" if withheld else entry.raw
        try:
            text, coded = raw.decode("utf-8"), ""
        except UnicodeDecodeError:
            text, coded = "", base64.b64encode(raw).decode()
        self._write(
            _Kept(
                part=entry.part,
                key=storable(entry.key),
                lane=storable(entry.lane),
                level=entry.level,
                field=storable(entry.field),
                number=entry.number,
                text=text,
                base64=coded,
                passed_over=passed_over,
            )
        )
        self._entries += 1

    def _write(self, record: msgspec.Struct) -> None:
        line = to_json(record) + b"\n"
        self._hash.update(line)
        self._file.write(line)


class Saved:
    """A whole backup, read from the beginning or at a place: `with Saved(path) as saved`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def entries(self) -> Iterator[tuple[int, OldEntry]]:
        """The entries that are to be imported, with their places. Raises ConfigError for a file that was cut short."""
        self._file.seek(0)
        if self._read(_Head).format != _FORMAT:
            raise self._damaged()
        while True:
            place = self._file.tell()
            line = self._file.readline()
            if line.startswith(b'{"entries":'):
                return
            kept = self._decode(line, _Kept)
            if not kept.passed_over:
                yield place, _entry(kept)

    def at(self, place: int) -> OldEntry:
        """The entry at a place."""
        self._file.seek(place)
        return _entry(self._read(_Kept))

    def _read(self, kind: type[_T]) -> _T:
        return self._decode(self._file.readline(), kind)

    def _decode(self, line: bytes, kind: type[_T]) -> _T:
        try:
            return from_json(line, kind)
        except msgspec.DecodeError as error:
            raise self._damaged() from error

    def _damaged(self) -> ConfigError:
        return ConfigError(f"{self._path} is not a whole backup; run the import again, which writes a new one")


def _entry(kept: _Kept) -> OldEntry:
    return OldEntry(
        part=kept.part,
        key=restored(kept.key),
        lane=restored(kept.lane),
        level=kept.level,
        field=restored(kept.field),
        number=kept.number,
        raw=base64.b64decode(kept.base64) if kept.base64 else kept.text.encode(),
    )
