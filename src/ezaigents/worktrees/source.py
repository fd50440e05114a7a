"""The user's repository, read as plain files. Job: which commit is checked out, and where its objects lie.

Not its job: git (it would read the repository's configuration). Whatever is unusual is a reason to copy the files
instead, which always works: `NotUsable` says it.
Source: gitrepository-layout(5), git 2.39.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_REF = re.compile(r"refs/[^\0-\x20~^:?*\[\\\x7f]+\Z")
_POINTER_BYTES = 4096
_REFS_BYTES = 64 * 1024 * 1024


class NotUsable(Exception):
    """The repository cannot be shared from; `str()` says why."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """`shallow`: the file that says where history was cut off, None where it was not."""

    commit: str
    objects: Path
    shallow: Path | None = None


def find_source(workspace: Path) -> Source | None:
    """What the workspace's own repository has checked out; None where it is none. Raises NotUsable."""
    git = workspace / ".git"
    if git.is_symlink() or not git.exists():
        return None
    if git.is_file():  # a linked worktree, or a submodule
        pointer = _text(git, _POINTER_BYTES)
        if not pointer.startswith("gitdir: "):
            raise NotUsable(".git is a file that points nowhere")
        git = workspace / pointer.removeprefix("gitdir: ").strip()
    shared = git
    if (git / "commondir").is_file():
        shared = git / _text(git / "commondir", _POINTER_BYTES).strip()
    objects = (shared / "objects").resolve()
    if not objects.is_dir():
        raise NotUsable("its repository has no objects")
    if "\n" in str(objects) or str(objects).startswith('"'):
        raise NotUsable("git cannot share from a folder of that name")
    shallow = (shared / "shallow").resolve()
    return Source(commit=_commit(git, shared), objects=objects, shallow=shallow if shallow.is_file() else None)


def _commit(git: Path, shared: Path) -> str:
    head = _text(git / "HEAD", _POINTER_BYTES).strip()
    for _ in range(5):  # as deep as git follows
        if _ID.match(head):
            return head
        name = head.removeprefix("ref: ").strip()
        if not head.startswith("ref: ") or not _REF.match(name) or ".." in name:
            raise NotUsable("what it has checked out is not said in a way known here")
        head = _loose(git, name) or _loose(shared, name) or _packed(shared, name)
        if not head:
            raise NotUsable("it has no commit yet")
    raise NotUsable("its references go round in circles")


def _loose(folder: Path, name: str) -> str:
    path = folder / name
    return _text(path, _POINTER_BYTES).strip() if path.is_file() else ""


def _packed(shared: Path, name: str) -> str:
    path = shared / "packed-refs"
    if not path.is_file():
        return ""
    for line in _text(path, _REFS_BYTES).splitlines():
        commit, _, named = line.partition(" ")
        if named == name:
            return commit
    return ""


def _text(path: Path, most_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise NotUsable(f"{path.name} cannot be read ({(error.strerror or str(error)).lower()})") from error
    if len(data) > most_bytes:
        raise NotUsable(f"{path.name} is longer than expected")
    return data.decode("utf-8", "surrogateescape")
