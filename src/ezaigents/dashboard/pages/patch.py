"""A patch as a page shows it. Job: git's text to files and lines, both sides beside each other; pure but for reading.

Not its job: applying it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import msgspec

from ezaigents.client import read_beneath

_PATCH_MOST_BYTES = 1024 * 1024
_LINES_MOST = 5000
_NOTE_MOST_CHARS = 1000
_HEAD = "diff --git "
_RENAMED = "rename to "
_NOTES = ("new file", "deleted file", "rename ", "Binary ", "GIT binary", "old mode", "new mode")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_HUNK = re.compile(r"@@ -(\d{1,9})(?:,\d{1,9})? \+(\d{1,9})(?:,\d{1,9})? @@")


class PatchLine(msgspec.Struct, frozen=True):
    """`sign`: "+", "-", " " or "@" (the head of a hunk). Numbers are those of the line before and after; 0 = none."""

    sign: str
    before: int
    after: int
    text: str


class PatchFile(msgspec.Struct):
    """One file of a patch. `note`: what is not lines: binary, renamed, mode."""

    name: str
    lines: list[PatchLine]
    note: str = ""


class PatchView(msgspec.Struct, frozen=True):
    """A patch as it is shown. `is_cut`: more of it is applied than is shown."""

    files: list[PatchFile]
    is_cut: bool = False


def view_patch(home: Path, name: str) -> PatchView:
    """The patch in a file beneath the data folder; empty where there is none any more."""
    data = read_beneath(home, name, _PATCH_MOST_BYTES + 1)
    if data is None:
        return PatchView([])
    view = patch_view(data[:_PATCH_MOST_BYTES].decode("utf-8", "backslashreplace"))
    return PatchView(view.files, is_cut=view.is_cut or len(data) > _PATCH_MOST_BYTES)


def patch_view(text: str) -> PatchView:
    """Its files, at most some thousand lines of it in all."""
    files: list[PatchFile] = []
    before = after = shown = 0
    for line in text.split("\n"):
        if shown >= _LINES_MOST:
            return PatchView(files, is_cut=True)
        if line.startswith(_HEAD):
            shown += 1
            files.append(PatchFile(_name_in(line.removeprefix(_HEAD)), []))
            before = after = 0
            continue
        if not files:
            continue
        file, hunk = files[-1], _HUNK.match(line)
        if hunk:
            before, after = int(hunk[1]), int(hunk[2])
            file.lines.append(PatchLine("@", 0, 0, line))
        elif not before and not after:
            if line.startswith(_NOTES) and len(file.note) < _NOTE_MOST_CHARS:
                file.note = f"{file.note}; {line}" if file.note else line
            if line.startswith(_RENAMED):
                file.name = _unquoted(line.removeprefix(_RENAMED))
            continue
        elif line.startswith("+"):
            file.lines.append(PatchLine("+", 0, after, line[1:]))
            after += 1
        elif line.startswith("-"):
            file.lines.append(PatchLine("-", before, 0, line[1:]))
            before += 1
        elif line.startswith(" "):
            file.lines.append(PatchLine(" ", before, after, line[1:]))
            before, after = before + 1, after + 1
        else:
            continue
        shown += 1
    return PatchView(files)


def side_by_side(lines: Sequence[PatchLine]) -> list[tuple[PatchLine | None, PatchLine | None]]:
    """Lines as pairs, before and after; a removed line stands beside the added one in its place, if there is one."""
    pairs: list[tuple[PatchLine | None, PatchLine | None]] = []
    gone: list[PatchLine] = []
    new: list[PatchLine] = []

    def put() -> None:
        pairs.extend(zip_longest(gone, new))
        gone.clear()
        new.clear()

    for line in lines:
        if line.sign == "-":
            if new:
                put()
            gone.append(line)
        elif line.sign == "+":
            new.append(line)
        else:
            put()
            pairs.append((line, line))
    put()
    return pairs


def _name_in(names: str) -> str:
    """The name in `a/NAME b/NAME`, both quoted where it is odd; of a rename a line of its own tells it."""
    return _unquoted(names[len(names) // 2 + 1 :]).removeprefix("b/")


def _unquoted(name: str) -> str:
    """A name as git writes it: in quotes, with bytes as octal numbers, where it is odd."""
    if not (name.startswith('"') and name.endswith('"')):
        return name
    data = _ESCAPE.sub(lambda found: _byte(found[1]), name[1:-1].encode("utf-8", "surrogateescape"))
    return data.decode("utf-8", "backslashreplace")


def _byte(escape: bytes) -> bytes:
    return bytes([int(escape, 8) & 255]) if len(escape) == 3 else _LETTERS.get(escape, escape)
