"""A workspace with a proposal for it. Job: build both by hand, apply, and say what the tree holds. Not: judge it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from ezaigents.codec import storable
from ezaigents.workspace.applied import Applied
from ezaigents.workspace.applying import apply_proposal, recover_apply
from ezaigents.workspace.changes import FileChange, FileState, Proposal

File = tuple[bytes, int]
"""Content and permissions."""
Files = dict[str, File]


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What a task read and what it made of it. `theirs`: what somebody made of it meanwhile, `merged`: of both.

    `renamed`: new path to old path. Folders are named with a slash behind them.
    """

    before: Files
    after: Files
    renamed: dict[str, str] = {}
    theirs: Files = {}
    merged: Files = {}


_TEXT = b"one\ntwo\nthree\nfour\nfive\n"

STORIES = {
    "edits": Story(
        before={"a": (b"a1\n", 0o644), "b.bin": (b"\0b1" * 3000, 0o600), "sub/a": (b"", 0o755)},
        after={"a": (b"a2\n", 0o644), "b.bin": (b"\0b2", 0o600), "sub/a": (b"no longer empty", 0o755)},
    ),
    "new": Story(
        before={"old": (b"o\n", 0o644)},
        after={"old": (b"o\n", 0o644), "new": (b"n\n", 0o755), "x/y/z": (b"z\n", 0o640), "x/w": (b"", 0o644)},
    ),
    "deletes": Story(
        before={"a": (b"a\n", 0o644), "x/y/z": (b"z\n", 0o755), "x/y/w": (b"w\n", 0o644), "v/kept": (b"", 0o644),
                "v/gone": (b"\n", 0o644)},
        after={"v/kept": (b"", 0o644)},
    ),
    "renames": Story(
        before={"a": (b"a\n", 0o644), "x/b": (b"b\n", 0o755), "swap1": (b"1\n", 0o644), "swap2": (b"2\n", 0o644)},
        after={"c": (b"a\n", 0o644), "y/b": (b"b, edited\n", 0o755), "swap1": (b"2\n", 0o644),
               "swap2": (b"1\n", 0o644)},
        renamed={"c": "a", "y/b": "x/b", "swap1": "swap2", "swap2": "swap1"},
    ),
    "modes": Story(
        before={"run": (b"#!/bin/sh\n", 0o644), "data": (b"d\n", 0o755)},
        after={"run": (b"#!/bin/sh\n", 0o755), "data": (b"D\n", 0o644)},
    ),
    "merge": Story(
        before={"text": (_TEXT, 0o644), "other": (b"1\n", 0o644)},
        after={"text": (_TEXT.replace(b"five", b"5"), 0o755), "other": (b"2\n", 0o644)},
        theirs={"text": (_TEXT.replace(b"one", b"1"), 0o600)},
        merged={"text": (_TEXT.replace(b"five", b"5").replace(b"one", b"1"), 0o711)},
    ),
    "small": Story(
        before={"a": (b"a1\n", 0o644), "x/gone": (b"g\n", 0o644)},
        after={"a": (b"a2\n", 0o644), "y/new": (b"n\n", 0o644)},
    ),
}  # fmt: skip


def state_of(file: File) -> FileState:
    """The record of a file."""
    return FileState(hashlib.sha256(file[0]).hexdigest(), file[1], len(file[0]))


class World:
    """A workspace in the state in which a proposal for it is to be applied, in a folder of its own."""

    def __init__(self, folder: Path, story: Story, *, name: str = "t-1") -> None:
        self.root = folder / "root"
        self.blobs = folder / "data" / "blobs"
        self.applies = folder / "data" / "applies"
        self.name = name
        self.story = story
        self.root.mkdir(parents=True)
        self.blobs.mkdir(parents=True)
        self.before = story.before | story.theirs
        self.after = story.after | story.merged
        for path, file in self.before.items():
            self.write(path, file)
        self.proposal = self.proposed(story.before, story.after, story.renamed)

    @property
    def intent(self) -> Path:
        return self.applies / f"{self.name}.json"

    def write(self, path: str, file: File) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(file[0])
        (self.root / path).chmod(file[1])

    def keep(self, file: File) -> FileState:
        """The state of a file whose content is among the blobs from now on."""
        state = state_of(file)
        (self.blobs / state.sha256).write_bytes(file[0])
        return state

    def proposed(self, before: Files, after: Files, renamed: dict[str, str] | None = None) -> Proposal:
        """What an attempt hands back that turned `before` into `after`; originals are kept where they are merged."""
        changes = []
        renamed = renamed or {}
        for path in sorted({*before, *after} - {*renamed.values(), *renamed}):
            if before.get(path) != after.get(path):
                first = None if path not in before else self._original(path, before[path])
                last = None if path not in after else self.keep(after[path])
                changes.append(FileChange(path=storable(path), before=first, after=last))
        for new, old in renamed.items():
            first, last = state_of(before[old]), self.keep(after[new])
            changes.append(FileChange(path=new, renamed_from=old, before=first, after=last))
        return Proposal(changes=tuple(sorted(changes, key=lambda change: change.path)))

    def _original(self, path: str, file: File) -> FileState:
        return self.keep(file) if path in self.story.theirs else state_of(file)

    def apply(
        self, proposal: Proposal | None = None, *, name: str = "", step: Callable[[str], None] = lambda _: None,
        may_write: Callable[[], None] = lambda: None, merge: bool = True, hidden: Path | None = None,
    ) -> Applied:  # fmt: skip
        name = name or self.name
        return apply_proposal(
            self.root, self.proposal if proposal is None else proposal, self.blobs,
            intent=self.applies / f"{name}.json", tag=name, hidden=hidden, merge=merge, may_write=may_write, step=step,
        )  # fmt: skip

    def recover(
        self, *, step: Callable[[str], None] = lambda _: None, may_write: Callable[[], None] = lambda: None
    ) -> Applied | None:
        return recover_apply(self.intent, may_write=may_write, step=step)

    def tree(self) -> Files:
        """Every file, and every folder that holds none, named with a slash behind it."""
        found: Files = {}
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if path.is_symlink():
                found[name] = (b"-> " + bytes(path.readlink()), 0)
            elif path.is_file():
                found[name] = (path.read_bytes(), path.stat().st_mode & 0o7777)
            elif not any(path.iterdir()):
                found[name + "/"] = (b"", 0)
        return found

    def rests(self) -> list[str]:
        """What an apply left lying about; nothing, after its end."""
        staged = [str(path) for path in self.root.rglob(".ez-*")]
        return staged + [path.name for path in self.applies.glob("*")]

    def is_blob(self, data: bytes) -> bool:
        path = self.blobs / hashlib.sha256(data).hexdigest()
        return path.exists() and path.read_bytes() == data

    def lost_originals(self) -> list[str]:
        """Files that are not in the tree as they were before, and whose content is not among the blobs either."""
        tree = self.tree()
        gone = [path for path, file in self.before.items() if tree.get(path) != file]
        return [path for path in gone if not self.is_blob(self.before[path][0])]

    def damaged_blobs(self) -> list[str]:
        """Contents that are not what their name says."""
        whole = [path for path in self.blobs.iterdir() if not path.name.startswith(".")]
        return [path.name for path in whole if hashlib.sha256(path.read_bytes()).hexdigest() != path.name]

    def steps(self) -> list[str]:
        """What an undisturbed apply does, step by step; the tree is applied afterwards."""
        told: list[str] = []
        self.apply(step=told.append)
        return told
