"""Reading a file in windows.

Job: bounded memory, a limit, the content's hash, and one window out of the middle. Not its job: what the bytes mean.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ezaigents.workspace.beneath import open_beneath
from ezaigents.workspace.errors import FileTooLarge, FileUnreadable

WINDOW_BYTES = 64 * 1024


class Windows:
    """One pass over a file. Iterate once; `size_bytes` and `sha256` cover what was handed out so far.

    `mode`: the permission bits; setuid, setgid and the sticky bit are not among them.
    """

    def __init__(self, descriptor: int, path: str, limit_bytes: int, window_bytes: int) -> None:
        self._descriptor = descriptor
        self._path = path
        self._limit_bytes = limit_bytes
        self._window_bytes = window_bytes
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self.mode = os.fstat(descriptor).st_mode & 0o777

    @property
    def sha256(self) -> str:
        """Hash of the bytes handed out so far: of the whole content once the iteration has ended."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        try:
            while window := self._read():
                self.size_bytes += len(window)
                # The file may grow while it is read.
                if self.size_bytes > self._limit_bytes:
                    raise FileTooLarge(self._path, self.size_bytes, self._limit_bytes)
                self._hash.update(window)
                yield window
        finally:
            self.close()

    def widen(self) -> None:
        """Hand out what is left of the file at once."""
        self._window_bytes = max(1, os.fstat(self._descriptor).st_size)

    def close(self) -> None:
        """Close the file; done by the iteration's end as well."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, self._window_bytes)
        except OSError as error:
            raise _unreadable(self._path, error) from error


def read_windows(
    root: str | Path,
    relative: str,
    limit_bytes: int,
    window_bytes: int = WINDOW_BYTES,
    *,
    hidden: Path | None = None,
    links: bool = True,
) -> Windows:
    """Open a file beneath `root` and return its windows, each of 1 to `window_bytes` bytes.

    Refuses at once what is larger than `limit_bytes` ("file too large: SIZE, limit LIMIT"), and on the way
    what grows beyond it. Raises what `open_beneath` raises, and FileTooLarge.
    """
    descriptor = open_beneath(root, relative, hidden=hidden, links=links)
    size_bytes = os.fstat(descriptor).st_size
    if size_bytes > limit_bytes:
        os.close(descriptor)
        raise FileTooLarge(relative, size_bytes, limit_bytes)
    return Windows(descriptor, relative, limit_bytes, window_bytes)


def read_whole(root: str | Path, relative: str, limit_bytes: int, *, hidden: Path | None = None) -> Windows:
    """What `read_windows` does, with all of the file in one window: the plain alternative, to be compared with."""
    windows = read_windows(root, relative, limit_bytes, hidden=hidden)
    windows.widen()
    return windows


def read_window(descriptor: int, path: str, offset: int, size_bytes: int) -> bytes:
    """Return up to `size_bytes` bytes from `offset` on: fewer only at the file's end. `path` is for the message."""
    pieces = []
    try:
        while size_bytes > 0 and (piece := os.pread(descriptor, min(size_bytes, WINDOW_BYTES), offset)):
            pieces.append(piece)
            offset += len(piece)
            size_bytes -= len(piece)
    except OSError as error:
        raise _unreadable(path, error) from error
    return b"".join(pieces)


def _unreadable(path: str, error: OSError) -> FileUnreadable:
    return FileUnreadable(path, f"cannot be read ({os.strerror(error.errno or errno.EIO).lower()})")
