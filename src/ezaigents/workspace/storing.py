"""Writing files of the data folder so that a crash leaves the old one or the new one, never half of one.

Job: one file, whole and on the disk. Not its job: the workspace's own files (applying), what is written.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ezaigents.workspace.errors import DiskFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No room on the disk, in the user's quota, or in the process's own limit on a file's size."""


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` by a file holding `data`: written beside it, fsynced, renamed.

    Its folder is made if needed. Raises OSError, having removed what was written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring to the disk which names are in `folder`: a new file is not safe before its name is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def told_when_full(path: Path) -> Iterator[None]:
    """Turn the system's word for a full disk into DiskFull, which names `path`; let other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(str(path)) from error
        raise
