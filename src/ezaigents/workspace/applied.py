"""How an apply ends. Job: its outcome as a record, and its errors. Not its job: applying.

RetryLater
├── ApplyUnfinished    it stopped in the middle; recovering it finishes or undoes it
└── DiskFull
    └── NoRoomToApply  nothing was changed
GiveUp
├── ApplyTakenOver     another process finishes or undoes it
└── IntentDamaged      its record cannot be read
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from ezaigents.codec import printable
from ezaigents.errors import EzError, GiveUp, RetryLater
from ezaigents.workspace.errors import DiskFull


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a proposal: the whole of it is in the tree ("applied"), or nothing of it is ("conflict").

    All paths in the form of `codec.storable`. `conflicts`: path and reason, in words that go on from the path.
    Where somebody wrote in the middle, theirs stands at the path, and what else they had written there is in the
    blobs folder under the name that the reason says; such a path may be listed although the state is "applied".
    `merged`: paths where their change and ours were put together. `written`: paths that now differ from before.
    """

    state: Literal["applied", "conflict"]
    conflicts: tuple[tuple[str, str], ...] = ()
    merged: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


class ApplyTakenOver(GiveUp):
    """Somebody else recovers this apply; this process stopped before its next change."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"apply {tag} was taken over by another process, which finishes or undoes it; nothing to do")
        self.tag = tag


class ApplyUnfinished(RetryLater):
    """The apply stopped in the middle; its intent file is kept, so that recovering it finishes or undoes it."""

    def __init__(self, tag: str, intent: Path, reason: str) -> None:
        super().__init__(
            f"apply {tag} stopped in the middle ({reason}); mend that and recover it from {printable(str(intent))}"
        )
        self.tag = tag
        self.intent = intent


class IntentDamaged(GiveUp):
    """The record of an apply cannot be read; nothing was touched."""

    def __init__(self, intent: Path, reason: str) -> None:
        super().__init__(
            f"{printable(str(intent))}: the record of an unfinished apply is damaged ({reason}); nothing was touched; "
            "folders named .ez-* in the workspace hold what it had replaced: put that back and delete this file"
        )
        self.intent = intent


class NoRoomToApply(DiskFull):
    """The disk, or the user's quota, was full before anything was changed; what was staged is gone again."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        EzError.__init__(
            self, f"no room on the disk of {printable(path)} for the changed files; free some there and apply again; "
            "nothing was changed",
        )  # fmt: skip
