"""The end of an archive: one member with the digest of all headers, and two empty blocks. Job: its exact bytes.

Each header holds the digest of its content, so this one digest covers every bit of the file.
"""

from __future__ import annotations

import hashlib

from ezaigents.backup.member import BLOCK, Member, header_of

_NAME = "sha256-of-all-headers"
TAIL_BYTES = 4 * BLOCK


def tail_of(digest: str) -> bytes:
    """The last bytes of an archive whose headers have this digest (hex)."""
    content = f"{digest}\n".encode("ascii")
    member = Member(name=_NAME, size_bytes=len(content), digest=hashlib.sha256(content).hexdigest())
    return header_of(member) + content.ljust(BLOCK, b"\0") + b"\0" * (2 * BLOCK)


def looks_like_tail(data: bytes) -> bool:
    """Say whether these bytes have the form of an archive's end, whatever the digest."""
    return data == tail_of(data[BLOCK : BLOCK + 64].decode("ascii", "replace").replace("\ufffd", "?"))
