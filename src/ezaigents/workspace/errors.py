"""What can be wrong with a path or a file of the workspace.

InputError
├── PathOutside        the path leaves the workspace, or names nothing that could be in it
└── PathProtected      a name that is never written
GiveUp
└── FileRefused        the file cannot be used as it is now; `path` and `reason` say which and why
    ├── FileMissing    nothing of that name
    ├── FilePresent    something of that name
    ├── FileUnreadable permission, a loop of links, an I/O error
    ├── NotRegular     a folder, FIFO, socket or device
    ├── FileTooLarge   more bytes than the limit; `size_bytes`, `limit_bytes`
    └── EditRefused    not text, or the text to be replaced is not there as often as was said
RetryLater
├── StaleWrite         the file is not what the caller takes it for; `difference` shows how it differs
└── DiskFull           no room for what an attempt changes
LimitReached
└── TooManyChanges     more files, or more bytes, than one attempt may write
"""

from __future__ import annotations

from ezaigents.codec import printable
from ezaigents.errors import GiveUp, InputError, LimitReached, RetryLater

_KIB = 1024


class PathOutside(InputError):
    """The path does not lie beneath the workspace; nothing outside was opened."""

    def __init__(self, path: str, reason: str = "lies outside the workspace") -> None:
        super().__init__("path", f"{printable(path)!r} {reason}")
        self.path = path
        self.reason = f"the path {reason}"


class PathProtected(InputError):
    """A name that is never written, whether a file of that name exists or not."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__("path", f"{printable(path)!r} {reason}; it cannot be written")
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


class FilePresent(FileRefused):
    """Something of that name is there already."""

    def __init__(self, path: str, reason: str = "is there already; choose another name, or delete it first") -> None:
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


class EditRefused(FileRefused):
    """The file, or the new text, is not fit for an edit by text; nothing was changed."""


class StaleWrite(RetryLater):
    """The file is not what the caller takes it for; nothing was changed. Whoever reads it again may go on.

    `expected`, `found`: SHA-256 of the content, None = no file. `difference`: a unified diff, cut to some KB; its
    first two lines say of what: from what was read to what is there, or from what is there to what was to be written.
    "" where there is nothing to compare. `str()` holds it too.
    """

    def __init__(self, path: str, expected: str | None, found: str | None, difference: str = "") -> None:
        self.reason = f"{_turn_of_events(expected, found)}; nothing was written, read it and try again"
        super().__init__(f"{printable(path)}: {self.reason}")
        self.path = path
        self.expected = expected
        self.found = found
        self.difference = difference

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.difference}" if self.difference else super().__str__()


def _turn_of_events(expected: str | None, found: str | None) -> str:
    if expected is None:
        return f"is there already (content {_short(found)})"
    if found is None:
        return f"is gone (you had read content {_short(expected)})"
    return f"changed since you read it (content {_short(expected)}, now {_short(found)})"


def _short(sha256: str | None) -> str:
    return (sha256 or "")[:12]


class DiskFull(RetryLater):
    """No room on the disk, or in the user's quota; nothing of what was to be written counts."""

    exit_code = 4

    def __init__(self, path: str) -> None:
        super().__init__(f"no room on the disk to write in {printable(path)}; free some and try again")
        self.path = path


class TooManyChanges(LimitReached):
    """One attempt wants to change more than it may."""

    def __init__(self, what: str, limit: str) -> None:
        super().__init__(f"this attempt would write {what}, limit {limit}; split the task into smaller ones")


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
