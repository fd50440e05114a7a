"""Reading an archive that may have been cut, altered or made to do harm. Job: verify all of it before any is used.

The members must tile the file from its first byte to its tail, so no member is larger than the file, and nothing is
hidden between them. Not its job: what the members mean, writing them (restoring).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ezaigents.backup.errors import Damaged, NotABackup, TooNew
from ezaigents.backup.manifest import FORMAT, MANIFEST, Manifest
from ezaigents.backup.member import BLOCK, Member, NotAMember, member_of, padding_of
from ezaigents.backup.tail import TAIL_BYTES, looks_like_tail, tail_of
from ezaigents.codec import from_json
from ezaigents.errors import InputError

_PIECE_BYTES = 1024 * 1024
_MANIFEST_MOST_BYTES = 16 * 1024 * 1024


class _Stamp(msgspec.Struct):
    format: int
    program: str = ""


class Place(msgspec.Struct, frozen=True):
    """A member and where its content begins."""

    member: Member
    at: int


class Archive:
    """`with Archive(path) as archive:` `verify()` first; it raises NotABackup, TooNew or Damaged."""

    manifest: Manifest

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._file = -1

    def __enter__(self) -> Self:
        try:
            self._file = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            facts = os.fstat(self._file)
        except OSError as error:
            raise InputError("FILE", f"{self.path} cannot be read: {error.strerror}") from error
        try:
            if not stat.S_ISREG(facts.st_mode):
                raise NotABackup(self.path, "is no regular file")
            self.size_bytes = facts.st_size
            self._read_manifest()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def verify(self, is_known: Callable[[str], bool], progress: Callable[[int], None] = lambda done: None) -> int:
        """Read all of it: every digest, every name (`is_known` says which belong); returns how many members there are.

        Raises Damaged.
        """
        tail = self._pread(self.size_bytes - TAIL_BYTES, TAIL_BYTES)
        if not looks_like_tail(tail):
            raise Damaged(self.path, "it does not end as a backup does, so it was cut short or altered at its end")
        headers, names, folders = hashlib.sha256(), set[str](), set[str]()
        for place in self.places(headers):
            name = place.member.name
            if name != MANIFEST and not is_known(name):
                raise Damaged(self.path, f"member {name!r} is not one that `ez backup` writes")
            if name in names:
                raise Damaged(self.path, f"member {name!r} is there twice")
            names.add(name)
            parents = name.split("/")[:-1]
            folders.update("/".join(parents[: depth + 1]) for depth in range(len(parents)))
            for _ in self.pieces(place):
                pass
            progress(place.at + place.member.size_bytes)
        if both := names & folders:
            raise Damaged(self.path, f"member {min(both)!r} is a file and a folder")
        if tail != tail_of(headers.hexdigest()):
            raise Damaged(self.path, "its members are not those it was closed with")
        return len(names)

    def places(self, headers: hashlib._Hash | None = None) -> Iterator[Place]:
        """The members in their order; their headers are added to the digest `headers`. Raises Damaged."""
        at, end = 0, self.size_bytes - TAIL_BYTES
        while at < end:
            header = self._pread(at, BLOCK)
            try:
                member = member_of(header)
            except NotAMember as error:
                raise Damaged(self.path, f"no member begins at byte {at:,}, where one should") from error
            behind = at + BLOCK + member.size_bytes + padding_of(member.size_bytes)
            if behind > end:
                raise Damaged(self.path, f"member {member.name!r} would reach beyond the file's end")
            if headers is not None:
                headers.update(header)
            yield Place(member, at + BLOCK)
            at = behind
        if at != end:
            raise Damaged(self.path, f"bytes {end:,} to {at:,} belong to no member")

    def pieces(self, place: Place) -> Iterator[bytes]:
        """A member's content, piece by piece; raises Damaged at its end where it is not what it was."""
        digest, left, at = hashlib.sha256(), place.member.size_bytes, place.at
        while left:
            piece = self._pread(at, min(left, _PIECE_BYTES))
            digest.update(piece)
            yield piece
            at += len(piece)
            left -= len(piece)
        padding = self._pread(at, padding_of(place.member.size_bytes))
        if digest.hexdigest() != place.member.digest or padding.strip(b"\0"):
            raise Damaged(self.path, f"member {place.member.name!r} is not what was backed up")

    def _read_manifest(self) -> None:
        """The first member tells formats apart, so it is read before anything else, and believed only in that."""
        if self.size_bytes < BLOCK:
            raise NotABackup(self.path, "is no backup")
        try:
            member = member_of(self._pread(0, BLOCK))
        except NotAMember as error:
            raise NotABackup(self.path, "is no backup, or its first bytes were altered") from error
        if member.name != MANIFEST:
            raise NotABackup(self.path, "is no backup")
        if member.size_bytes > min(_MANIFEST_MOST_BYTES, self.size_bytes - BLOCK):
            raise Damaged(self.path, "it ends within its first member, so it was cut short")
        text = b"".join(self.pieces(Place(member, BLOCK)))
        try:
            stamp = from_json(text, _Stamp)
            if stamp.format > FORMAT:
                raise TooNew(f"{self.path}: the form of this backup", stamp.format, FORMAT, stamp.program)
            self.manifest = from_json(text, Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Damaged(self.path, f"what it says of itself cannot be read ({error})") from error

    def _pread(self, at: int, size: int) -> bytes:
        """Exactly these bytes. Raises Damaged."""
        try:
            data = os.pread(self._file, size, at) if at >= 0 else b""
        except OSError as error:
            raise Damaged(self.path, f"it cannot be read at byte {at:,}: {error.strerror}") from error
        if len(data) != size:
            raise Damaged(self.path, "it was cut short")
        return data
