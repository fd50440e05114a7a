"""The intent file: what an apply is about to do, on the disk before it does the first of it.

Job: the record, who holds it, who takes it over. Not its job: doing it (applying).
Its name says whose it is: `<tag>.json` that of the apply itself, `<tag>.<owner>.json` that of a recovery; with `.done`
before `.json`, all is in the tree and only rests are to be removed. A holder goes on only while the file has the name
it knows, and taking over is one rename, which one of several succeeds with. The content never changes and carries its
own hash, so that a torn or damaged one is seen. `<tag>.json.part` is one that never came to be; nothing was changed in
its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ezaigents.codec import from_json, printable, to_json
from ezaigents.errors import InputError
from ezaigents.workspace.applied import ApplyTakenOver, IntentDamaged
from ezaigents.workspace.changes import FileState
from ezaigents.workspace.protected import STAGING_PREFIX
from ezaigents.workspace.storing import sync_folder
from ezaigents.workspace.tree import Step

_TAG = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
_NAME = re.compile(r"(?P<tag>[A-Za-z0-9_-]{1,100})(\.[0-9a-f]{8})?(\.done)?\.json(?P<part>\.part)?\Z")
_DONE = ".done.json"
_PART = ".part"


class Operation(msgspec.Struct, frozen=True):
    """One path (as `codec.storable`) that goes from one state to another; None: no file."""

    path: str
    before: FileState | None
    after: FileState | None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """All that finishing or undoing an apply needs. Paths as `codec.storable`; `hidden`: "" for none.

    `folders`: those to be made, from the top; `merged`: paths whose `after` holds their change too.
    """

    root: str
    blobs: str
    hidden: str
    operations: tuple[Operation, ...]
    folders: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()


class _Sealed(msgspec.Struct, frozen=True):
    sha256: str
    intent: msgspec.Raw


class PendingApply(msgspec.Struct, frozen=True):
    """An apply that has not come to its end.

    `root`: the workspace, `paths`: its files, as `codec.storable`; both empty when nothing was begun. `damaged`: why
    its record cannot be read; "" = it can.
    """

    intent: Path
    tag: str
    root: str = ""
    paths: tuple[str, ...] = ()
    damaged: str = ""


class Holding:
    """An intent file in our hands, as long as it has the name by which we know it.

    `is_done`: everything is in the tree; only rests are to be removed.
    """

    def __init__(self, intent: Intent, path: Path, tag: str, owner: str, step: Step) -> None:
        self.intent = intent
        self.tag = tag
        self.is_done = path.name.endswith(_DONE)
        self.staging = _staging(tag, owner)
        """The name of the folders in which this holder stages; no other holder ever uses it."""
        self.path = path
        self._step = step

    def is_staging(self, name: str) -> bool:
        """Say whether a folder of this name belongs to any holder of this apply."""
        return name == _staging(self.tag, "") or name.startswith(_staging(self.tag, "") + ".")

    def check(self) -> None:
        """Raise ApplyTakenOver when the intent file is another's by now."""
        if not self.path.exists():
            raise ApplyTakenOver(self.tag)

    def finish(self) -> None:
        """Say on the disk that all is in the tree. From here on nothing is undone."""
        self._step("mark intent as done")
        done = self.path.with_name(self.path.name.removesuffix(".json") + _DONE)
        with _or_taken_over(self.tag):
            self.path.rename(done)
        self.path, self.is_done = done, True
        # Before anything is removed: an older name that came back would undo what is done.
        sync_folder(done.parent)

    def end(self) -> None:
        """Remove the intent file: the apply has come to its end."""
        self._step("remove intent")
        with _or_taken_over(self.tag):
            self.path.unlink(missing_ok=self.is_done)
        sync_folder(self.path.parent)


def check_tag(tag: str, path: Path) -> None:
    """Raise InputError for a tag that cannot be part of the names it becomes part of, or is in use at `path`."""
    if not _TAG.match(tag) or path.name != f"{tag}.json":
        raise InputError(
            "tag", f"{printable(tag)!r} must be 1 to 100 letters, digits, _ and -, and name the intent file"
        )
    found = _current(path.parent, tag)
    if found is not None and not found.name.endswith(_PART):
        raise InputError("tag", f"apply {tag} has not come to its end; recover it from {printable(str(found))}")


def publish(path: Path, tag: str, intent: Intent, step: Step) -> Holding:
    """Write a new intent file, whole. Raises OSError, and ApplyTakenOver when it was cleared away half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sync_folder(path.parent.parent)
    draft = path.with_name(path.name + _PART)
    body = to_json(intent)
    try:
        step("write intent")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(to_json(_Sealed(hashlib.sha256(body).hexdigest(), msgspec.Raw(body))))
            file.flush()
            os.fsync(file.fileno())
        step("publish intent")
        with _or_taken_over(tag):
            draft.rename(path)
        sync_folder(path.parent)
    except BaseException:
        draft.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return Holding(intent, path, tag, "", step)


def claim(path: Path, step: Step) -> Holding | None:
    """Take over what is left of the apply whose intent file was first called `path`.

    None when nothing is: it has come to its end, or never began. Raises IntentDamaged, having changed nothing.
    """
    match = _NAME.match(path.name)
    tag = match["tag"] if match else ""
    while found := _current(path.parent, tag):
        if found.name.endswith(_PART):
            step("remove draft of intent")
            found.unlink(missing_ok=True)
            continue
        # Whoever is quicker has it; then it is looked for again.
        with contextlib.suppress(FileNotFoundError):
            return _taken(found, tag, step)
    return None


def pending_applies(folder: Path) -> list[PendingApply]:
    """List what has not come to its end, by tag; those that cannot be read too."""
    found: dict[str, PendingApply] = {}
    for path, match in _intents(folder):
        with contextlib.suppress(FileNotFoundError):
            found.setdefault(match["tag"], _pending(path, match["tag"], is_draft=bool(match["part"])))
    return [found[tag] for tag in sorted(found)]


def _pending(path: Path, tag: str, *, is_draft: bool) -> PendingApply:
    if is_draft:
        return PendingApply(path, tag)
    try:
        intent = _read(path)
    except IntentDamaged as error:
        return PendingApply(path, tag, damaged=str(error))
    return PendingApply(path, tag, intent.root, tuple(each.path for each in intent.operations))


def done_intents(folder: Path, tag: str) -> list[Path]:
    """The intent files of an apply whose files are all in the tree."""
    return [path for path, match in _intents(folder) if match["tag"] == tag and path.name.endswith(_DONE)]


def _staging(tag: str, owner: str) -> str:
    return f"{STAGING_PREFIX}{tag}.{owner}" if owner else f"{STAGING_PREFIX}{tag}"


def _intents(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    """The intent files in a folder, drafts last."""
    paths = sorted(folder.glob("*.json*"), key=lambda path: (path.name.endswith(_PART), path.name))
    return [(path, match) for path in paths if (match := _NAME.match(path.name))]


def _current(folder: Path, tag: str) -> Path | None:
    return next((path for path, match in _intents(folder) if match["tag"] == tag), None)


def _taken(found: Path, tag: str, step: Step) -> Holding:
    intent = _read(found)
    owner = os.urandom(4).hex()
    path = found.with_name(f"{tag}.{owner}{_DONE if found.name.endswith(_DONE) else '.json'}")
    step("take intent over")
    found.rename(path)
    return Holding(intent, path, tag, owner, step)


def _read(path: Path) -> Intent:
    """Decode an intent file. Raises IntentDamaged, FileNotFoundError."""
    try:
        sealed = from_json(path.read_bytes(), _Sealed)
        if hashlib.sha256(sealed.intent).hexdigest() != sealed.sha256:
            raise IntentDamaged(path, "its hash does not match")
        return from_json(bytes(sealed.intent), Intent)
    except FileNotFoundError:
        raise
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntentDamaged(path, str(error)) from error


@contextlib.contextmanager
def _or_taken_over(tag: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ApplyTakenOver(tag) from error
