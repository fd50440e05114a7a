"""Names that no agent may write, whether a file of that name exists or not.

Job: say which, and why. Not its job: opening anything (beneath), the one name of a file (naming).
What Mac and Windows file systems would take for one of these names counts as it everywhere, as in git itself: the
tree may be checked out there next. Names are taken as they are; nothing is URL-decoded.
Source: git 2.39, verify_path in read-cache.c, next_hfs_char in utf8.c, is_ntfs_dot_generic in path.c.
"""

from __future__ import annotations

import os
import re

_RESERVED = {
    ".git": "git's own",
    ".gitattributes": "read by git, which runs what it names",
    ".gitmodules": "read by git, which fetches what it names",
    ".ezaigents": "the fleet's own",
    "ezaigents.toml": "the fleet's own",
}
STAGING_PREFIX = ".ez-"
"""With this begin the folders in which an apply keeps what it is about to exchange, beside the files themselves."""
_SHORT = re.compile(r"(git~1|gitmod~[1-4]|gi7eba~[1-9]|gitatt~[1-4]|gi7d29~[1-9]|ezaige~[1-9](\.tom)?)")
"""What Windows calls the same names in eight characters, with the fall-backs by which git knows them."""
_IGNORED = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])
"""Code points that HFS+ passes over when it compares names."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PART_MOST_BYTES = 255
_PATH_MOST_BYTES = 4095
"""Linux's limits: NAME_MAX, and PATH_MAX without its final NUL."""


def is_protected(path: str) -> str:
    """Say why nothing may be written at `path` (relative to the workspace); "" when it may.

    The answer goes on from the path: `holds .git, which is git's own`. A name that no file could have, or only one
    made to deceive, is refused too. Whether the path leaves the workspace over links is not looked at.
    """
    return _malformed(path) or next(filter(None, map(_reserved, path.split("/"))), "")


def _reserved(part: str) -> str:
    # NTFS: a colon begins the name of a stream, a backslash the next part, and final dots and spaces do not count.
    folded = re.split(r"[:\\]", part.translate(_IGNORED), maxsplit=1)[0].casefold().rstrip(". ")
    if folded.startswith(STAGING_PREFIX):
        return f"has a part that begins with {STAGING_PREFIX}, as the folders of an apply do"
    if folded in _RESERVED:
        return f"holds {folded}, which is {_RESERVED[folded]}"
    return "holds a short form of a reserved name" if _SHORT.fullmatch(folded) else ""


def _malformed(path: str) -> str:
    if not path or path.startswith("/"):
        return "is absolute; name files relative to the workspace" if path else "is empty"
    if _CONTROL.search(path):
        return "holds a control character"
    try:
        size_bytes = len(os.fsencode(path))
    except UnicodeEncodeError:
        return "holds a character that no file name can hold"
    if size_bytes > _PATH_MOST_BYTES:
        return f"is longer than {_PATH_MOST_BYTES:,} bytes"
    return next(filter(None, map(_malformed_part, path.split("/"))), "")


def _malformed_part(part: str) -> str:
    if part in {"", ".", ".."}:
        return f"has the part {part!r}; name the file without it"
    if len(os.fsencode(part)) > _PART_MOST_BYTES:
        return f"has a part longer than {_PART_MOST_BYTES} bytes"
    return ""
