"""What an attempt made of each path it changed, and what all of it comes to.

Job: the record, and the sum. Not its job: storing it (overlay_log), contents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from ezaigents.workspace.changes import FileChange, FileState


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One path as the attempt has it. None: no file.

    `before`: as it was in the workspace when it was first changed; `after`: as it is for the attempt. `origin`: the
    path at which the workspace has the file that this one was, before it was edited or renamed; "" for one that was
    made. Paths are in the form of `codec.storable`.
    """

    path: str
    before: FileState | None = None
    after: FileState | None = None
    origin: str = ""


def net_changes(entries: Mapping[str, Entry]) -> tuple[FileChange, ...]:
    """The changes that lead from the workspace to the attempt's files, by path; one that was taken back is none.

    Only what the attempt renamed is a rename, however often it did, and only from a path that is free at the end to
    one that was free at the beginning; otherwise each path has changed on its own.
    """
    moved = {entry.origin: entry for entry in entries.values() if _is_move(entry, entries)}
    return tuple(change for _, change in sorted(_changes(entries, moved)))


def _is_move(entry: Entry, entries: Mapping[str, Entry]) -> bool:
    source = entries.get(entry.origin)
    is_new = entry.before is None and entry.after is not None
    return is_new and source is not None and source.before is not None and source.after is None


def _changes(entries: Mapping[str, Entry], moved: Mapping[str, Entry]) -> Iterator[tuple[str, FileChange]]:
    for path, entry in entries.items():
        target = moved.get(path)
        if target is not None:
            yield target.path, FileChange(path=target.path, before=entry.before, after=target.after, renamed_from=path)
        elif entry.before != entry.after and moved.get(entry.origin) is not entry:
            yield path, FileChange(path=path, before=entry.before, after=entry.after)
