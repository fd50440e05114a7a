"""Archives for tests. Job: make one as `ez backup` does, and one with any members. Not its job: expectations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ezaigents.backup import FORMAT, Archive, ArchiveWriter, Manifest
from ezaigents.backup.manifest import MANIFEST
from ezaigents.backup.member import Member, header_of, padding_of
from ezaigents.backup.tail import tail_of
from ezaigents.codec import to_json
from ezaigents.home import STATE_VERSION

LITTLE = {"id": b"0123456789ab\n", "tasks/a/1/journal.jsonl": b"{}\n" * 300, "tasks/a/1/empty": b"", "runs/r/x": b"1"}


def manifest(**fields: object) -> Manifest:
    """What a backup of an empty data folder says of itself."""
    plain = Manifest(
        format=FORMAT, program="1", state=STATE_VERSION, made_ms=1, id="0123456789ab", namespace="n", engine=""
    )
    return msgspec.structs.replace(plain, **fields)


def archive_at(path: Path, contents: dict[str, bytes] = LITTLE, **fields: object) -> Path:
    """Make an archive as `ez backup` does."""
    with ArchiveWriter(path) as archive:
        archive.add(MANIFEST, to_json(manifest(**fields)))
        for name, content in contents.items():
            archive.add(name, content)
        archive.finish()
    return path


def raw_member(name: str, content: bytes, *, size: int | None = None) -> tuple[bytes, bytes]:
    """Header and what follows, as they would be if nobody looked at the name; `size`: what the header claims."""
    claimed = len(content) if size is None else size
    header = header_of(Member(name=name, size_bytes=claimed, digest=hashlib.sha256(content).hexdigest()))
    return header, content + b"\0" * padding_of(len(content))


def forged(path: Path, members: Sequence[tuple[bytes, bytes]], hidden: bytes = b"") -> Path:
    """An archive of any members whose end fits them: what somebody makes who knows the form."""
    first = raw_member(MANIFEST, to_json(manifest()))
    headers = hashlib.sha256(b"".join(header for header, _ in (first, *members))).hexdigest()
    path.write_bytes(b"".join(part for member in (first, *members) for part in member) + hidden + tail_of(headers))
    return path


def verified(path: Path) -> int:
    """How many members a whole archive has."""
    from ezaigents.backup.contents import is_known

    with Archive(path) as archive:
        return archive.verify(is_known)
