"""The files as one attempt sees them: its own versions, and beneath them the workspace as it is.

Job: one name for every spelling, and the bytes that go with it. Not its job: changing anything (overlay).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ezaigents.codec import restored, storable
from ezaigents.errors import InputError
from ezaigents.workspace.beneath import open_beneath
from ezaigents.workspace.blobs import Blobs
from ezaigents.workspace.changes import FileState
from ezaigents.workspace.encoding import Encoding
from ezaigents.workspace.entries import Entry
from ezaigents.workspace.errors import FileMissing, NotRegular
from ezaigents.workspace.naming import canonical
from ezaigents.workspace.windows import read_window, read_windows


class Reading(msgspec.Struct, frozen=True):
    """A file whole. `path`: its one name in the workspace; `sha256`: what a change of it is to expect.

    `mode`: permission bits. `encoding`: what the bytes are; binary files are handed out too.
    """

    path: str
    data: bytes
    sha256: str
    mode: int
    encoding: Encoding


class Window(msgspec.Struct, frozen=True):
    """A piece of a file. `size_bytes`, `sha256`: of the whole file; `sha256` is "" where that was not read."""

    path: str
    data: bytes
    offset: int
    size_bytes: int
    sha256: str


class Held(msgspec.Struct, frozen=True):
    """A file whole, with its state. `origin` as in Entry."""

    state: FileState
    data: bytes
    origin: str


class View:
    """Reads through `entries`, which their owner changes. A name is what `name` returns."""

    def __init__(
        self, root: Path, entries: Mapping[str, Entry], blobs: Blobs, *, hidden: Path | None, limit_bytes: int
    ) -> None:
        self._root = root
        self._entries = entries
        self._blobs = blobs
        self._hidden = hidden
        self.limit_bytes = limit_bytes

    def name(self, path: str) -> str:
        """The one name of a file, there or not. Raises as `canonical`."""
        return canonical(self._root, path, hidden=self._hidden)

    def entry(self, name: str) -> Entry | None:
        """What the attempt made of it; None where it changed nothing."""
        return self._entries.get(storable(name))

    def open(self, name: str) -> int:
        """Open a file for reading and return its descriptor, which the caller closes. Raises as `open_beneath`."""
        entry = self.entry(name)
        if entry is None:
            return open_beneath(self._root, name, hidden=self._hidden, links=False)
        if entry.after is None:
            raise FileMissing(name)
        return self._blobs.open(entry.after.sha256)

    def held(self, name: str) -> Held | None:
        """Read a file whole; None where there is none. Raises FileTooLarge, and what `open_beneath` raises."""
        entry = self.entry(name)
        if entry is None:
            return self._in_workspace(name)
        if entry.after is None:
            return None
        return Held(entry.after, self._blobs.read(entry.after.sha256), entry.origin)

    def window(self, name: str, offset: int, size_bytes: int) -> Window:
        """Read a piece of a file of any size; of no more than the limit. Raises as `open`, and InputError."""
        if offset < 0 or size_bytes < 0:
            raise InputError("offset", f"a window begins at 0 or later and has a size, not {offset} and {size_bytes}")
        descriptor = self.open(name)
        try:
            data = read_window(descriptor, name, offset, min(size_bytes, self.limit_bytes))
            whole_bytes = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        entry = self.entry(name)
        if entry is not None and entry.after is not None:
            return Window(name, data, offset, whole_bytes, entry.after.sha256)
        sha256 = hashlib.sha256(data).hexdigest() if len(data) == whole_bytes else ""
        return Window(name, data, offset, whole_bytes, sha256)

    def check_place(self, name: str) -> None:
        """Raise NotRegular where a file the attempt made stands where `name` needs a folder, or the reverse."""
        own = storable(name)
        for path, entry in self._entries.items():
            if entry.after is not None and own.startswith(path + "/"):
                raise NotRegular(restored(path), "not a folder")
            if entry.after is not None and path.startswith(own + "/"):
                raise NotRegular(name, "not a file but a folder")

    def _in_workspace(self, name: str) -> Held | None:
        try:
            windows = read_windows(self._root, name, self.limit_bytes, hidden=self._hidden, links=False)
        except FileMissing:
            return None
        data = b"".join(windows)
        return Held(FileState(windows.sha256, windows.mode, len(data)), data, storable(name))
