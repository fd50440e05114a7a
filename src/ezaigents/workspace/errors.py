"""What can be wrong with a path or a file of the workspace.

InputError
└── PathOutside        the path leaves the workspace, or names nothing that could be in it
GiveUp
└── FileRefused        the file cannot be used as it is now; `path` and `reason` say which and why
    ├── FileMissing    nothing of that name
    ├── FileUnreadable permission, a loop of links, an I/O error
    ├── NotRegular     a folder, FIFO, socket or device
    └── FileTooLarge   more bytes than the limit; `size_bytes`, `limit_bytes`
"""

from __future__ import annotations

from ezaigents.codec import printable
from ezaigents.errors import GiveUp, InputError

_KIB = 1024


class PathOutside(InputError):
    """The path does not lie beneath the workspace; nothing outside was opened."""

    def __init__(self, path: str, reason: str = "lies outside the workspace") -> None:
        super().__init__("path", f"{printable(path)!r} {reason}")
        self.path = path
        self.reason = f"the path {reason}"


class FileRefused(GiveUp):
    """The file cannot be used; `reason` is one line without the path."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{printable(path)}: {reason}")
        self.path = path
        self.reason = reason


class FileMissing(FileRefused):
    """Nothing of that name is there (any more)."""

    def __init__(self, path: str, reason: str = "no such file") -> None:
        super().__init__(path, reason)


class FileUnreadable(FileRefused):
    """The file is there and the system does not let us read it."""


class NotRegular(FileRefused):
    """A folder, FIFO, socket or device where a file was expected; it was not read from."""


class FileTooLarge(FileRefused):
    """More bytes than allowed. The limit is `file_limit_bytes` in ezaigents.toml."""

    def __init__(self, path: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(path, f"file too large: {_size(size_bytes)}, limit {_size(limit_bytes)}")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


def human_size(size_bytes: int) -> str:
    """Say a size in the largest unit that leaves at least one whole, 1 KB being 1,024 bytes: `11.0 MB`."""
    if size_bytes < _KIB:
        return f"{size_bytes} bytes"
    amount = float(size_bytes)
    for unit in ("KB", "MB", "GB"):
        amount /= _KIB
        if amount < _KIB:
            return f"{amount:.1f} {unit}"
    return f"{amount / _KIB:.1f} TB"


def _size(size_bytes: int) -> str:
    human = human_size(size_bytes)
    return human if size_bytes < _KIB else f"{human} ({size_bytes:,} bytes)"
