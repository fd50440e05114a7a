"""Working copies of a workspace, for tasks that must run commands.

Job: a folder where commands may write, and what they changed there. Not its job: running them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.worktrees.errors import CopiesUsedUp, CopyBusy, CopyTooLarge, GitFailed, KeptUsedUp
    from ezaigents.worktrees.mirror import ChangedFile, Content, CopyChanges
    from ezaigents.worktrees.worktrees import Tidied, WorkingCopy, Worktrees

__all__ = [
    "ChangedFile",
    "Content",
    "CopiesUsedUp",
    "CopyBusy",
    "CopyChanges",
    "CopyTooLarge",
    "GitFailed",
    "KeptUsedUp",
    "Tidied",
    "WorkingCopy",
    "Worktrees",
]

_FILES = {
    "errors": ("CopiesUsedUp", "CopyBusy", "CopyTooLarge", "GitFailed", "KeptUsedUp"),
    "mirror": ("ChangedFile", "Content", "CopyChanges"),
    "worktrees": ("Tidied", "WorkingCopy", "Worktrees"),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
