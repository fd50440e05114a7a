"""Finding the files of a workspace.

Job: which files there are, in a fixed order. Not its job: opening them (beneath).
Names are text with surrogateescape, so that any name a file system holds can be handed on and opened again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from ezaigents.workspace.beneath import kind_of
from ezaigents.workspace.errors import FileMissing, FileUnreadable, NotRegular
from ezaigents.workspace.ignore import IgnoreChain, chain_for
from ezaigents.workspace.protected import STAGING_PREFIX

_OnSkipped = Callable[[str, str], None]


class FoundFile(msgspec.Struct, frozen=True):
    """A regular file: `path` relative to the root, parts separated by `/`; `size_bytes` as it was then."""

    path: str
    size_bytes: int


def walk(
    root: str | Path, start: str = "", *, home: Path | None = None, on_skipped: _OnSkipped | None = None
) -> Iterator[FoundFile]:
    """Yield the regular files beneath `start`: each folder's files first, then its folders, by name.

    `start`: relative to `root`, "" for all. Left out: what `.gitignore` files hide, `.git`, what an apply is
    staging, the data folder `home`, symbolic links, and whatever is neither file nor folder. A `start` that is itself
    hidden was asked for by name: it is walked with the `.gitignore` files beneath it only. One that is a file is
    yielded.
    `on_skipped(path, reason)` hears of unreadable folders.
    Raises FileMissing, and NotRegular when `start` is neither.
    """
    start = start.strip("/")
    state = _state_of(root, start)
    if stat.S_ISREG(state.st_mode):
        yield FoundFile(start, state.st_size)
        return
    base = Path(root)
    if not stat.S_ISDIR(state.st_mode):
        raise NotRegular(start, f"not a file but {kind_of(state.st_mode)}")
    hidden = _identity(home)
    stack: list[tuple[str, IgnoreChain | None]] = [(start, _chain_above(base, start))]
    while stack:
        folder, above = stack.pop()
        chain = chain_for(base, folder, above)
        try:
            files, folders = _listing(base, folder, chain, hidden)
        except OSError as error:
            if on_skipped is not None:
                on_skipped(folder, f"cannot be listed ({(error.strerror or str(error)).lower()})")
            continue
        yield from files
        stack.extend((name, chain) for name in reversed(folders))


def walk_inputs(
    root: str | Path, starts: Iterable[str], *, home: Path | None = None, on_skipped: _OnSkipped | None = None
) -> Iterator[FoundFile]:
    """Walk several starts, yielding each file once however often the starts overlap."""
    seen: set[str] = set()
    for start in starts:
        for found in walk(root, start, home=home, on_skipped=on_skipped):
            if found.path not in seen:
                seen.add(found.path)
                yield found


def list_folder(root: str | Path, folder: str = "", *, home: Path | None = None) -> tuple[list[str], list[FoundFile]]:
    """The folders and files of one folder, by name, without what `walk` leaves out; paths relative to the root.

    Raises FileMissing; FileUnreadable where it may not be listed.
    """
    base, folder = Path(root), folder.strip("/")
    if not stat.S_ISDIR(_state_of(base, folder).st_mode):
        raise FileMissing(folder, "no such folder")
    chain = chain_for(base, folder, _chain_above(base, folder))
    try:
        files, folders = _listing(base, folder, chain, _identity(home))
    except OSError as error:
        raise FileUnreadable(folder, f"cannot be listed ({(error.strerror or str(error)).lower()})") from error
    return folders, files


def _state_of(root: str | Path, start: str) -> os.stat_result:
    try:
        return os.lstat(f"{root}/{start}" if start else root)
    except OSError as error:
        raise FileMissing(start or str(root), "no such file or folder") from error


def _identity(home: Path | None) -> tuple[int, int] | None:
    if home is None:
        return None
    try:
        state = home.stat()
    except OSError:
        return None
    return (state.st_dev, state.st_ino)


def _chain_above(base: Path, start: str) -> IgnoreChain | None:
    """The patterns of the folders above `start`; None where they hide it, or where it is the root."""
    chain: IgnoreChain | None = None
    parts = start.split("/") if start else []
    for depth in range(len(parts)):
        chain = chain_for(base, "/".join(parts[:depth]), chain)
        if chain is not None and chain.hides("/".join(parts[: depth + 1]), is_folder=True):
            return None
    return chain


def _listing(
    base: Path, folder: str, chain: IgnoreChain | None, hidden: tuple[int, int] | None
) -> tuple[list[FoundFile], list[str]]:
    files: list[FoundFile] = []
    folders: list[str] = []
    with os.scandir(f"{base}/{folder}") as entries:
        ordered = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in ordered:
        path = f"{folder}/{entry.name}" if folder else entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and not entry.is_file(follow_symlinks=False):
            continue
        if (
            entry.name == ".git"
            or entry.name.startswith(STAGING_PREFIX)
            or (chain is not None and chain.hides(path, is_folder=is_folder))
        ):
            continue
        if is_folder:
            if not _is_hidden(entry, hidden):
                folders.append(path)
        else:
            size_bytes = _size_of(entry)
            if size_bytes is not None:
                files.append(FoundFile(path, size_bytes))
    return files, folders


def _size_of(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return None  # gone since the folder was listed


def _is_hidden(entry: os.DirEntry[str], hidden: tuple[int, int] | None) -> bool:
    if hidden is None or entry.inode() != hidden[1]:
        return False
    return entry.stat(follow_symlinks=False).st_dev == hidden[0]
