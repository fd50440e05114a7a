"""Before anything is written: what a proposal asks for, against the tree as it is.

Job: the operations that are left to do, the conflicts; every original kept. Not its job: doing them (applying).
What is compared here is compared again, and atomically, at each exchange.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec

from ezaigents.codec import restored, storable
from ezaigents.workspace.blobs import Blobs
from ezaigents.workspace.changes import FileState, Proposal
from ezaigents.workspace.encoding import Encoding, sniff
from ezaigents.workspace.errors import FileRefused, PathProtected
from ezaigents.workspace.intent import Operation
from ezaigents.workspace.merge import merge3
from ezaigents.workspace.originals import is_kept, keep_original
from ezaigents.workspace.tree import PERMISSIONS, Step, Tree, WayBlocked, look, name_of, parent_of, reason_of

MERGE_MOST_BYTES = 8 * 1024 * 1024
"""A longer text is not merged: three of them are in memory at once, cut into lines."""
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_CHANGED = "was changed since the task read it"


class Survey(msgspec.Struct, frozen=True):
    """`operations`: what is left to do, new files first and deletions last; `folders`: those to be made for it.

    Paths as `codec.storable`, folders from the top.
    """

    operations: tuple[Operation, ...]
    conflicts: tuple[tuple[str, str], ...]
    merged: tuple[str, ...]
    folders: tuple[str, ...]


class _Conflict(Exception):
    """What stands in the way of one path, in words that go on from it."""


def survey(tree: Tree, proposal: Proposal, blobs: Path, *, merge: bool, step: Step) -> Survey:
    """Compare a proposal with the tree, and keep the originals in `blobs`. Writes nothing into the tree.

    Raises PathProtected, PathOutside, FileRefused for a proposal that asks for what none may; DiskFull, OSError.
    """
    wanted = _operations(proposal)
    for operation in wanted:
        _check(operation)
    surveyor = _Surveyor(tree, blobs, merge, step)
    for operation in wanted:
        surveyor.take(operation)
    return surveyor.result()


def _operations(proposal: Proposal) -> list[Operation]:
    """One operation per path: a rename takes away at one path and adds at another, where changes may meet."""
    wanted: dict[str, Operation] = {}
    for change in proposal.changes:
        before = None if change.renamed_from else change.before
        parts = [Operation(change.path, before, change.after)]
        if change.renamed_from:
            parts.append(Operation(change.renamed_from, change.before, None))
        for part in parts:
            wanted[part.path] = _joined(wanted.get(part.path), part)
    return sorted(wanted.values(), key=lambda each: (each.before is not None, each.after is None, each.path))


def _joined(one: Operation | None, two: Operation) -> Operation:
    """A file that moves away and another that takes its place: one operation from the first to the second."""
    if one is None:
        return two
    if (one.before and two.before and one.before != two.before) or (one.after and two.after):
        raise _damaged(two.path, "names it twice")
    return Operation(two.path, one.before or two.before, one.after or two.after)


def _check(operation: Operation) -> None:
    from ezaigents.workspace.protected import is_protected

    path = _real(operation.path)
    if reason := is_protected(path):
        raise PathProtected(path, reason)
    for state in filter(None, (operation.before, operation.after)):
        if not _SHA256.match(state.sha256):
            raise _damaged(path, "holds a hash that is none")


def _real(path: str) -> str:
    try:
        return restored(path)
    except ValueError as error:
        raise _damaged(path, "holds a name that is none") from error


def _damaged(path: str, words: str) -> FileRefused:
    return FileRefused(path, f"the record of the patch {words}; run the task again")


class _Surveyor:
    def __init__(self, tree: Tree, blobs: Path, merge: bool, step: Step) -> None:
        self._tree = tree
        self._folder = blobs
        self._blobs = Blobs(blobs)
        self._merge = merge
        self._step = step
        self._operations: list[Operation] = []
        self._conflicts: list[tuple[str, str]] = []
        self._merged: list[str] = []
        self._folders: dict[str, None] = {}

    def result(self) -> Survey:
        return Survey(
            tuple(self._operations), tuple(self._conflicts), tuple(sorted(self._merged)), tuple(sorted(self._folders))
        )

    def take(self, wanted: Operation) -> None:
        """Judge one operation: settled already, to be done, or in conflict."""
        path = _real(wanted.path)
        try:
            operation = self._against_tree(path, wanted)
        except _Conflict as conflict:
            self._conflicts.append((wanted.path, str(conflict)))
            return
        except WayBlocked as blocked:
            self._conflicts.append((wanted.path, f"cannot be reached: {blocked}"))
            return
        if operation.before == operation.after:
            return
        self._operations.append(operation)
        if wanted.after and operation.after and wanted.after.sha256 != operation.after.sha256:
            self._merged.append(wanted.path)

    def _against_tree(self, path: str, wanted: Operation) -> Operation:
        if missing := self._tree.missing(parent_of(path)):
            operation = _judged(wanted, None)
            self._folders.update(dict.fromkeys(map(storable, missing if operation.after else ())))
            return operation
        with self._tree.folder(parent_of(path)) as folder:
            now = _seen(folder, path)
            try:
                operation = _judged(wanted, now)
            except _Conflict:
                if not self._merge or now is None or wanted.before is None or wanted.after is None:
                    raise
                operation = self._merged_with(folder, wanted, wanted.before, wanted.after, now)
            if operation.before is not None and operation.before != operation.after:
                self._keep(folder, path, operation.before)
            return operation

    def _keep(self, folder: int, path: str, before: FileState) -> None:
        if is_kept(before, self._folder):
            return
        if keep_original(folder, name_of(path), self._folder, self._step) != before:
            raise _Conflict("is being changed")

    def _merged_with(
        self, folder: int, wanted: Operation, before: FileState, after: FileState, now: FileState
    ) -> Operation:
        if max(before.size_bytes, after.size_bytes, now.size_bytes) > MERGE_MOST_BYTES:
            raise _Conflict(f"{_CHANGED}, and is too long to be merged")
        theirs = _content(folder, _real(wanted.path), now)
        base, ours = self._blobs.read(before.sha256), self._blobs.read(after.sha256)
        if not all(map(_is_text, (base, ours, theirs))):
            raise _Conflict(f"{_CHANGED}, and is no text that could be merged")
        merged = merge3(base, ours, theirs)
        if merged is None:
            raise _Conflict(f"{_CHANGED}, in the same lines")
        self._step(f"keep merge of {wanted.path}")
        state = FileState(self._blobs.keep(merged), _mode(before, after, now), len(merged))
        return Operation(wanted.path, now, state)


def _judged(wanted: Operation, now: FileState | None) -> Operation:
    """What is left to do where there is no need to merge."""
    before, after = wanted.before, wanted.after
    if after is not None:
        mode = _mode(before, after, now) if before and now else after.mode & PERMISSIONS
        after = FileState(after.sha256, mode, after.size_bytes)
    if now == after or (now is None and before is None):
        return Operation(wanted.path, now, after)
    if now is None:
        raise _Conflict("was deleted since the task read it")
    if before is None:
        raise _Conflict("exists already, with other content")
    if now.sha256 == before.sha256 or (after and now.sha256 == after.sha256):
        return Operation(wanted.path, now, after)
    raise _Conflict(_CHANGED)


def _mode(before: FileState, after: FileState, now: FileState) -> int:
    """Their permissions, with those bits as in ours that ours changed."""
    ours = before.mode ^ after.mode
    return ((now.mode & ~ours) | (after.mode & ours)) & PERMISSIONS


def _seen(folder: int, path: str) -> FileState | None:
    try:
        seen = look(folder, name_of(path))
    except OSError as error:
        raise _Conflict(f"cannot be read ({reason_of(error)})") from error
    if isinstance(seen, str):
        raise _Conflict(f"is {seen}")
    return seen


def _content(folder: int, path: str, now: FileState) -> bytes:
    windows: list[bytes] = []
    look(folder, name_of(path), windows.append)
    theirs = b"".join(windows)
    if hashlib.sha256(theirs).hexdigest() != now.sha256:
        raise _Conflict("is being changed")
    return theirs


def _is_text(data: bytes) -> bool:
    return sniff(data) not in {Encoding.BINARY, Encoding.UTF16}
