"""The tool `search`: the lines that match a pattern, as the attempt has the files.

Job: hits in the workspace without what the attempt changed, then in what it changed; only what may be read. Not its
job: finding (finders).
"""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec

from ezaigents.agents.tools.arguments import BadCall, Search
from ezaigents.agents.tools.finders import SEARCH_S, Finder, Hit, Hits, ripgrep
from ezaigents.agents.tools.gate import Gate
from ezaigents.agents.tools.listing import FOUND_MOST, Tree, lies_beneath, own_files
from ezaigents.agents.tools.outcome import Outcome
from ezaigents.agents.tools.quoting import bounded, one_line, quoted
from ezaigents.codec import printable, restored
from ezaigents.endings import in_thread
from ezaigents.errors import EzError
from ezaigents.workspace import FileMissing, walk

HITS_MOST = 200
PATTERN_MOST = 1000
_LINE_MOST = 300
_HITS = 100


class Place(msgspec.Struct, frozen=True):
    """What is searched. `blobs`: the folder in which the contents lie that the attempt made, by hash."""

    tree: Tree
    blobs: Path
    finder: Finder


def place_of(tree: Tree, blobs: Path, *, program: str | None = None, limit_s: float = SEARCH_S) -> Place:
    """`program`: ripgrep's path, "" where there is none, None = look where it is."""
    found = ripgrep(tree.root, os.get_exec_path()) if program is None else program
    return Place(tree, blobs, Finder(found, limit_s))


async def search(place: Place, gate: Gate, start: str, arguments: Search) -> Outcome:
    """Search beneath `start`, the one name of a folder or file. Raises BadCall, InputError, FileMissing, OSError."""
    _check_pattern(arguments.pattern)
    most = min(arguments.most or _HITS, HITS_MOST)
    own, gone = await in_thread(partial(_own, place, gate, start))
    finder = place.finder
    tree = await _find_in_tree(place, gate, arguments.pattern, start, most + 1, gone)
    changed = await finder.find(arguments.pattern, place.blobs, sorted(own), most + 1) if own else Hits(())
    hits = [hit for hit in tree.hits if hit.path not in gone]
    ours = [msgspec.structs.replace(hit, path=path) for hit in changed.hits for path in own.get(hit.path, ())]
    hits += sorted(ours, key=lambda hit: (hit.path, hit.line))
    rows = await in_thread(partial(_rows, place, gate, hits, most))
    notes = [tree.note or changed.note, f"only the first {most} hits" if len(rows) > most else ""]
    text = quoted(bounded("\n".join(rows[:most]))) if rows else "no hits"
    return Outcome(text="\n".join(filter(None, (text, *notes))))


def _check_pattern(pattern: str) -> None:
    if not pattern or len(pattern) > PATTERN_MOST or "\0" in pattern or "\n" in pattern:
        raise BadCall(f"pattern: takes one line of 1 to {PATTERN_MOST:,} characters without NUL")


def _own(place: Place, gate: Gate, start: str) -> tuple[dict[str, list[str]], set[str]]:
    """The names of contents that the attempt made, with the paths that have them; and what it changed or removed."""
    _, gone = own_files(place.tree.files, start)
    own: dict[str, list[str]] = {}
    for change in place.tree.files.changes():
        path = restored(change.path)
        if change.after is not None and lies_beneath(path, start) and not gate.why_closed(path):
            own.setdefault(change.after.sha256, []).append(path)
    return own, gone


async def _find_in_tree(place: Place, gate: Gate, pattern: str, start: str, most: int, gone: Collection[str]) -> Hits:
    try:
        found = await in_thread(partial(_first_files, place, gate, start))
    except FileMissing:
        if any(lies_beneath(path, start) for path in gone):
            return Hits(())
        raise
    if not found:
        return Hits(())
    tree, finder = place.tree, place.finder
    if finder.program:
        return await finder.find(pattern, tree.root, [start], most, tree.hidden)
    hits = await finder.find(pattern, tree.root, found[:FOUND_MOST], most)
    is_cut = len(found) > FOUND_MOST and not hits.note
    return msgspec.structs.replace(hits, note="not all files were looked at") if is_cut else hits


def _first_files(place: Place, gate: Gate, start: str) -> list[str]:
    """What there is to be searched; with ripgrep, which walks itself, only whether there is anything."""
    files = (file.path for file in walk(place.tree.root, start, home=place.tree.hidden))
    readable = (path for path in files if not gate.why_closed(path))
    return list(islice(readable, 1 if place.finder.program else FOUND_MOST + 1))


def _rows(place: Place, gate: Gate, hits: list[Hit], most: int) -> list[str]:
    """The text of up to one more hit than asked for; one whose file is closed, or has gone, is none."""
    rows: list[str] = []
    for hit in hits:
        if gate.why_closed(hit.path):
            continue
        try:
            window = place.tree.files.window(hit.path, hit.offset, 4 * _LINE_MOST)
        except EzError:
            continue
        if gate.why_closed(window.path):
            continue
        text = window.data.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
        rows.append(f"{printable(hit.path)}:{hit.line}: {one_line(text, _LINE_MOST)}")
        if len(rows) > most:
            break
    return rows
