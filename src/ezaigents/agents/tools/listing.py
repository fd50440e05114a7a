"""The tool `list`: what is beneath a folder, as the attempt has it.

Job: files with their sizes, and deeper folders with the number of their files. Not its job: what is ignored
(workspace).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from ezaigents.agents.tools.arguments import List
from ezaigents.agents.tools.gate import Gate
from ezaigents.agents.tools.outcome import Outcome
from ezaigents.agents.tools.quoting import bounded, quoted
from ezaigents.codec import printable, restored
from ezaigents.workspace import FileMissing, FoundFile, Overlay, human_size, walk

ROWS_MOST = 500
FOUND_MOST = 20_000
"""Files looked at in one call; a folder's number is then a lower bound."""
_DEPTH = 2


class Tree(msgspec.Struct, frozen=True):
    """The workspace beneath which things are found. `hidden`: the data folder."""

    root: Path
    hidden: Path | None
    files: Overlay


def list_files(tree: Tree, gate: Gate, start: str, arguments: List) -> Outcome:
    """List what is beneath `start`, the one name of a folder or file. Raises FileMissing, NotRegular."""
    found = list(islice(found_files(tree, start), FOUND_MOST + 1))
    rows = _rows(found[:FOUND_MOST], start, arguments.depth or _DEPTH, gate)
    shown = list(islice(rows, ROWS_MOST + 1))
    if not shown:
        return Outcome(text=f"{printable(start) or 'the workspace'} has no files")
    text = quoted(bounded("\n".join(shown[:ROWS_MOST])))
    if len(shown) > ROWS_MOST:
        text += f"\nonly the first {ROWS_MOST} entries; list a folder of them"
    if len(found) > FOUND_MOST:
        text += f"\nonly the first {FOUND_MOST:,} files were looked at"
    return Outcome(text=text)


def found_files(tree: Tree, start: str) -> Iterator[FoundFile]:
    """The files beneath `start`: those of the workspace that the attempt left alone, then those that it changed."""
    own, gone = own_files(tree.files, start)
    try:
        for found in walk(tree.root, start, home=tree.hidden):
            if found.path not in gone:
                yield found
    except FileMissing:
        if not any(lies_beneath(path, start) for path in gone):
            raise
    yield from own


def own_files(files: Overlay, start: str) -> tuple[list[FoundFile], set[str]]:
    """What the attempt changed beneath `start`; and all paths at which the workspace's file counts no more."""
    own, gone = [], set()
    for change in files.changes():
        path = restored(change.path)
        gone |= {path, restored(change.renamed_from) or path}
        if change.after is not None and lies_beneath(path, start):
            own.append(FoundFile(path, change.after.size_bytes))
    return own, gone


def lies_beneath(path: str, start: str) -> bool:
    """`path` is `start`, or in it."""
    return not start or path == start or path.startswith(start + "/")


def _rows(found: list[FoundFile], start: str, depth: int, gate: Gate) -> Iterator[str]:
    """One row a file, or a folder at the last depth; in the order of their names."""
    above = start.count("/") + 1 if start else 0
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for file in found:
        parts = file.path.split("/")
        if len(parts) - above > depth:
            folder = "/".join(parts[: above + depth]) + "/"
            counts[folder] = counts.get(folder, 0) + 1
        else:
            sizes[file.path] = file.size_bytes
    for path in sorted([*counts, *sizes]):
        if path in counts:
            yield f"{printable(path)}  {counts[path]} file{'s' * (counts[path] != 1)}"
        else:
            yield f"{printable(path)}  {human_size(sizes[path])}{'  (closed)' if gate.why_closed(path) else ''}"
