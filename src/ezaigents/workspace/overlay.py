"""What one attempt has changed, over the workspace as it is.

Job: take changes by compare-and-set, keep them through a crash, hand back what they come to. Not its job: writing to
the workspace (applying), the log's form (overlay_log), what is read where (view), the patch (patch).
The workspace is never written. What the attempt did not change it sees as it is at that moment, so each change says
which content it is based on, and is refused with the difference where that is not what is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from ezaigents.codec import restored, storable, to_pretty_json
from ezaigents.workspace.blobs import Blobs
from ezaigents.workspace.changes import BLOBS_FOLDER, CHANGES_FILE, PATCH_FILE, FileChange, FileState, Proposal
from ezaigents.workspace.editing import edited
from ezaigents.workspace.encoding import sniff
from ezaigents.workspace.entries import Entry, net_changes
from ezaigents.workspace.errors import (
    FileMissing,
    FilePresent,
    FileTooLarge,
    PathProtected,
    StaleWrite,
    TooManyChanges,
    human_size,
)
from ezaigents.workspace.overlay_log import OverlayLog, Record, read_log, replay
from ezaigents.workspace.patch import make_patch
from ezaigents.workspace.protected import is_protected
from ezaigents.workspace.seen import Seen
from ezaigents.workspace.stale import READ, WANTED, shown_difference
from ezaigents.workspace.storing import told_when_full, write_whole
from ezaigents.workspace.view import Held, Reading, View, Window

FILES_MOST = 2000
WRITTEN_MOST_BYTES = 256 * 1024 * 1024
"""All changes together, also those written over later: their contents stay until the task is forgotten."""
_NEW_MODE = 0o644


class Overlay:
    """The files as one attempt has them. One call at a time; each waits for the disk. Close it in the end.

    `root`: the workspace. `folder`: the attempt's own, `tasks/<id>/<fence>` in the data folder; it exists. `hidden`:
    the data folder, which counts as outside. `limit_bytes`: the largest file that is read whole or written.
    `earlier`: folders of the task's earlier attempts, oldest first; this one goes on from their changes.
    `on_touch(path, changed)` hears of the first reading of a file and of every change.

    Paths are relative to the workspace, and every spelling that leads to a file is that file. All methods raise
    PathOutside, NotRegular and FileUnreadable. Those that change something also raise PathProtected, StaleWrite where
    the content is not `expected` (a SHA-256; None: no file), FileTooLarge, TooManyChanges and DiskFull; a change that
    raised did not happen.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        *,
        hidden: Path | None,
        limit_bytes: int,
        earlier: Iterable[Path] = (),
        on_touch: Callable[[str, bool], None] | None = None,
        files_most: int = FILES_MOST,
        written_most_bytes: int = WRITTEN_MOST_BYTES,
    ) -> None:
        self._folder = folder
        self._on_touch = on_touch
        self._files_most = files_most
        self._written_most_bytes = written_most_bytes
        self._entries: dict[str, Entry] = {}
        self._blobs = Blobs(folder.parent / BLOBS_FOLDER)
        self._view = View(root, self._entries, self._blobs, hidden=hidden, limit_bytes=limit_bytes)
        self._seen = Seen(folder)
        self._read: set[str] = set()
        self._written_bytes = 0
        self._log = OverlayLog(folder)
        self._go_on(tuple(earlier))

    def close(self) -> None:
        """Forget what was read; the changes are on the disk. May be repeated."""
        self._seen.close()

    def read(self, path: str) -> Reading:
        """Read a file whole. Raises FileMissing, and FileTooLarge with the size and the limit."""
        name = self._view.name(path)
        held = self._view.held(name)
        if held is None:
            raise FileMissing(name)
        self._note_reading(name)
        self._seen.keep(held.state.sha256, held.data)
        return Reading(name, held.data, held.state.sha256, held.state.mode, sniff(held.data))

    def window(self, path: str, offset: int, size_bytes: int) -> Window:
        """Read up to `size_bytes` from `offset` on, of a file of any size. Raises FileMissing."""
        window = self._view.window(self._view.name(path), offset, size_bytes)
        self._note_reading(window.path)
        return window

    def write(self, path: str, data: bytes, *, expected: str | None) -> str:
        """Make a file, or replace its content, and return the new SHA-256. The same bytes again change nothing."""
        name = self._writable(path)
        held = self._view.held(name)
        self._compare(name, held, expected, data)
        if held is None:
            self._view.check_place(name)
        return self._replace(name, held, data)

    def edit(self, path: str, old: str, new: str, *, expected: str, count: int = 1) -> str:
        """Replace `old`, which must be there exactly `count` times, by `new`; return the new SHA-256.

        Encoding, byte order mark, line ends and everything else are kept. Raises EditRefused where the file is
        binary, where `old` is there more or less often, and where the file's encoding cannot hold `new`.
        """
        name = self._writable(path)
        held = self._present(name, expected)
        return self._replace(name, held, edited(name, held.data, old, new, count))

    def delete(self, path: str, *, expected: str) -> None:
        """Delete a file."""
        name = self._writable(path)
        held = self._present(name, expected)
        self._change(held, self._turned(name, held, None))

    def rename(self, path: str, to: str, *, expected: str) -> None:
        """Move a file to a name that is free. Raises FilePresent where it is not."""
        name, target = self._writable(path), self._writable(to)
        held = self._present(name, expected)
        if self._view.held(target) is not None:
            raise FilePresent(target)
        self._view.check_place(target)
        made = msgspec.structs.replace(self._turned(target, None, held.state), origin=held.origin)
        self._change(held, self._turned(name, held, None), made)

    def set_executable(self, path: str, on: bool, *, expected: str) -> None:
        """Let those who may read the file execute it too, or nobody."""
        name = self._writable(path)
        held = self._present(name, expected)
        mode = held.state.mode
        wanted = mode | (mode & 0o444) >> 2 if on else mode & ~0o111
        if wanted != mode:
            self._change(held, self._turned(name, held, msgspec.structs.replace(held.state, mode=wanted)))

    @property
    def log_bytes(self) -> int:
        """How long the attempt's own log of changes is now."""
        return self._log.size_bytes

    def changes(self) -> tuple[FileChange, ...]:
        """What all changes come to, by path; one that was taken back is none."""
        return net_changes(self._entries)

    def propose(self) -> Proposal | None:
        """Write the patch and its record to the attempt's folder, whole, and return the record; None: no changes.

        Raises FileRefused where a content is gone from the data folder, and DiskFull. May be repeated.
        """
        changes = self.changes()
        if not changes:
            return None
        patch = make_patch(changes, self._blobs.read)
        proposal = Proposal(changes=changes, added=patch.added, removed=patch.removed)
        with told_when_full(self._folder):
            write_whole(self._folder / PATCH_FILE, patch.data)
            write_whole(self._folder / CHANGES_FILE, to_pretty_json(proposal))
        return proposal

    def _go_on(self, earlier: tuple[Path, ...]) -> None:
        """Begin where this attempt stopped, or else where the earlier ones are now."""
        for folder in earlier:
            replay(read_log(folder), self._entries)
        own = self._log.records
        if own:
            replay(own, self._entries)
        elif earlier:
            self._log.append(Record(tuple(self._entries.values()), whole=True))
        self._written_bytes = sum(_bytes_of(record.entries) for record in own if not record.whole)

    def _writable(self, path: str) -> str:
        """The one name of a file that may be written; neither it nor the spelling is protected."""
        name = self._view.name(path)
        reason = is_protected(path) or is_protected(name)
        if reason:
            raise PathProtected(path, reason)
        return name

    def _present(self, name: str, expected: str) -> Held:
        held = self._view.held(name)
        self._compare(name, held, expected)
        assert held is not None, "no content has the hash of no file"
        return held

    def _compare(self, name: str, held: Held | None, expected: str | None, wanted: bytes | None = None) -> None:
        found = held.state.sha256 if held else None
        if found == expected:
            return
        raise StaleWrite(name, expected, found, self._difference(held, expected, wanted) if held else "")

    def _difference(self, held: Held, expected: str | None, wanted: bytes | None) -> str:
        read = self._seen.get(expected) if expected else None
        if read is None and expected:
            read = self._blobs.get(expected)
        if read is not None:
            return shown_difference(read, held.data, READ)
        return "" if wanted is None else shown_difference(held.data, wanted, WANTED)

    def _replace(self, name: str, held: Held | None, data: bytes) -> str:
        limit_bytes = self._view.limit_bytes
        if len(data) > limit_bytes:
            raise FileTooLarge(name, len(data), limit_bytes)
        after = FileState(hashlib.sha256(data).hexdigest(), held.state.mode if held else _NEW_MODE, len(data))
        if held is None or held.state != after:
            self._change(held, self._turned(name, held, after), data=data)
        return after.sha256

    def _turned(self, name: str, held: Held | None, after: FileState | None) -> Entry:
        """What becomes of a path that holds `held` now. What it was before all is said by the first change."""
        entry = self._view.entry(name)
        before = entry.before if entry else held.state if held else None
        return Entry(path=storable(name), before=before, after=after, origin=held.origin if held and after else "")

    def _change(self, held: Held | None, *entries: Entry, data: bytes | None = None) -> None:
        """Bring the contents to the disk, then the record that names them; only then it counts."""
        self._check_room(entries)
        for content in (held.data if held else None, data):
            if content is not None:
                self._blobs.keep(content)
        record = Record(entries)
        if not self._log.size_bytes:
            record = Record(tuple(self._with(entries).values()), whole=True)
        self._log.append(record)
        replay([record], self._entries)
        self._written_bytes += _bytes_of(entries)
        for entry in entries:
            self._touch(restored(entry.path), changed=True)

    def _check_room(self, entries: Iterable[Entry]) -> None:
        files = sum(entry.before != entry.after for entry in self._with(entries).values())
        if files > self._files_most:
            raise TooManyChanges(f"{files:,} files", f"{self._files_most:,}")
        size_bytes = self._written_bytes + self._log.size_bytes + _bytes_of(entries)
        if size_bytes > self._written_most_bytes:
            raise TooManyChanges(human_size(size_bytes), human_size(self._written_most_bytes))

    def _with(self, entries: Iterable[Entry]) -> dict[str, Entry]:
        return self._entries | {entry.path: entry for entry in entries}

    def _note_reading(self, name: str) -> None:
        if name not in self._read:
            self._read.add(name)
            self._touch(name, changed=False)

    def _touch(self, name: str, *, changed: bool) -> None:
        if self._on_touch is not None:
            self._on_touch(name, changed)


def _bytes_of(entries: Iterable[Entry]) -> int:
    return sum(entry.after.size_bytes for entry in entries if entry.after)
