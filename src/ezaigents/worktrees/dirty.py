"""Which files of a workspace hold changes that git does not know. Job: compare with the commit; no index, no filters.

A file that git would convert (line ends, say) counts as changed: it is asked about once too often, never overwritten
unasked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ezaigents.workspace import FileMissing, FileRefused, PathOutside, read_windows

_SHA1_DIGITS = 40


def differing(
    workspace: Path, committed: Mapping[str, str], paths: Sequence[str], *, home: Path, limit_bytes: int
) -> tuple[str, ...]:
    """Those of the paths whose content is not the committed one. `committed`: ids of contents, by path.

    A file that is neither there nor in the commit is the same in both; one that cannot be read counts as changed.
    """
    return tuple(path for path in paths if _differs(workspace, committed.get(path), path, home, limit_bytes))


def _differs(workspace: Path, committed: str | None, path: str, home: Path, limit_bytes: int) -> bool:
    try:
        data = b"".join(read_windows(workspace, path, limit_bytes, hidden=home))
    except FileMissing:
        return committed is not None
    except (FileRefused, PathOutside):
        return True
    if committed is None:
        return True
    return committed != _id_of(data, is_long=len(committed) > _SHA1_DIGITS)


def _id_of(data: bytes, *, is_long: bool) -> str:
    """The id that git gives to a content. Source: gitformat-pack(5), "object name"."""
    made = hashlib.sha256() if is_long else hashlib.sha1(usedforsecurity=False)
    made.update(b"blob %d\0" % len(data))
    made.update(data)
    return made.hexdigest()
