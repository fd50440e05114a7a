"""Why there is no working copy. Job: the errors. Not its job: handling them.

errors.LimitReached
├── CopiesUsedUp    as many copies as may exist at once
├── CopyTooLarge    the workspace holds more than one copy may
└── KeptUsedUp      as many copies with unsaved work as are kept; somebody has to look
errors.RetryLater
└── CopyBusy        another process works with this copy, or for too long with the repository
errors.GiveUp
└── GitFailed       git could not do it; `is_full` where the disk was the reason
"""

from __future__ import annotations

from pathlib import Path

from ezaigents.codec import printable
from ezaigents.errors import GiveUp, LimitReached, RetryLater


class CopiesUsedUp(LimitReached):
    """No further working copy may be made now."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} working copies are in use, as many as there may be; "
            "wait until a task ends, or raise worktrees_most in ezaigents.toml"
        )


class CopyTooLarge(LimitReached):
    """A working copy would need more room than one may have."""

    def __init__(self, workspace: Path, size_bytes: int, most_bytes: int) -> None:
        super().__init__(
            f"a working copy of {printable(str(workspace))} takes {size_bytes:,} bytes or more, limit {most_bytes:,}; "
            "let .gitignore leave out what is not source, or raise worktree_max_bytes in ezaigents.toml"
        )


class KeptUsedUp(LimitReached):
    """Copies with work that nobody took are never deleted, and they must not fill the disk."""

    def __init__(self, count: int, oldest: Path) -> None:
        super().__init__(
            f"{count} working copies hold changes that nobody took over; look at them and remove what you do not need, "
            f"the oldest first: {printable(str(oldest))}"
        )
        self.oldest = oldest


class CopyBusy(RetryLater):
    """Somebody else holds what is needed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is in use by another process of this fleet; try again in a moment")


class GitFailed(GiveUp):
    """git ended otherwise than well; the message holds its last line."""

    def __init__(self, command: str, reason: str, *, is_full: bool = False) -> None:
        super().__init__(f"git {command} failed: {printable(reason)}")
        self.reason = reason
        self.is_full = is_full
