"""What an attempt changed as a patch that `git apply` takes, forwards and backwards.

Job: git's extended headers, hunks for text, base85 for the rest. Not its job: how texts differ (difference), what
changed (overlay), applying (applying works from contents and hashes; the patch is for people and for git).
Content is bytes throughout: text in any encoding without NUL is shown by lines, everything else goes whole.
Source: git-diff(1), "Generating patch text with -p"; git 2.39, diff.c (binary hunks), quote.c (names).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator

import msgspec

from ezaigents.codec import restored
from ezaigents.workspace.changes import FileChange, FileState
from ezaigents.workspace.difference import lines_of, unified

_LINES_MOST = 200_000
"""A text of more lines goes whole, as a list of its lines would take some hundred megabytes."""
_NOTHING = b"0" * 40
"""Git's name for the content of a file that does not exist."""
_BINARY_LINE_BYTES = 52
"""What a line of a binary hunk encodes; its length is one letter, A to Z and a to z."""
_ODD = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
"""Bytes for which git puts a name in quotes."""
_ESCAPES = {b"\a": b"a", b"\b": b"b", b"\t": b"t", b"\n": b"n", b"\v": b"v", b"\f": b"f", b"\r": b"r"} | {
    byte: byte for byte in (b'"', b"\\")
}


class Patch(msgspec.Struct, frozen=True):
    """The patch, and how many lines of text it adds and removes."""

    data: bytes
    added: int = 0
    removed: int = 0


def make_patch(changes: Iterable[FileChange], content: Callable[[str], bytes]) -> Patch:
    """Write `changes` as one patch, in their order. `content` returns the bytes of a SHA-256.

    Of a mode git knows one bit, whether the owner may execute the file, and so does the patch.
    """
    pieces: list[bytes] = []
    added = removed = 0
    for change in changes:
        old = content(change.before.sha256) if change.before else b""
        new = content(change.after.sha256) if change.after else b""
        pieces += _headers(change, old, new)
        if old != new and _goes_whole(old, new):
            pieces += _binary(old, new)
        elif old != new:
            names, hunks = _labels(change), list(unified(lines_of(old), lines_of(new)))
            added += sum(line.startswith(b"+") for line in hunks)
            removed += sum(line.startswith(b"-") for line in hunks)
            pieces += [*names, *hunks]
    return Patch(b"".join(pieces), added, removed)


def _headers(change: FileChange, old: bytes, new: bytes) -> Iterator[bytes]:
    former, name = _names(change)
    yield b"diff --git %b %b\n" % (_quoted(b"a/" + former), _quoted(b"b/" + name))
    mode, new_mode = _mode(change.before), _mode(change.after)
    if change.before is None:
        yield b"new file mode %b\n" % new_mode
    elif change.after is None:
        yield b"deleted file mode %b\n" % mode
    elif mode != new_mode:
        yield b"old mode %b\nnew mode %b\n" % (mode, new_mode)
    if change.renamed_from:
        if old == new:
            yield b"similarity index 100%\n"
        yield b"rename from %b\nrename to %b\n" % (_quoted(former), _quoted(name))
    if old != new or change.before is None or change.after is None:
        suffix = b" " + mode if mode == new_mode else b""
        yield b"index %b..%b%b\n" % (_git_name(change.before, old), _git_name(change.after, new), suffix)


def _labels(change: FileChange) -> Iterator[bytes]:
    former, name = _names(change)
    yield b"--- %b\n" % (_label(b"a/" + former) if change.before else b"/dev/null")
    yield b"+++ %b\n" % (_label(b"b/" + name) if change.after else b"/dev/null")


def _goes_whole(old: bytes, new: bytes) -> bool:
    return any(b"\0" in data or data.count(b"\n") > _LINES_MOST for data in (old, new))


def _binary(old: bytes, new: bytes) -> Iterator[bytes]:
    """The new content, and behind it the old one for the way back."""
    yield b"GIT binary patch\n"
    yield from _literal(new)
    yield from _literal(old)


def _literal(data: bytes) -> Iterator[bytes]:
    import zlib
    from base64 import b85encode

    yield b"literal %d\n" % len(data)
    packed = zlib.compress(data)
    for start in range(0, len(packed), _BINARY_LINE_BYTES):
        piece = packed[start : start + _BINARY_LINE_BYTES]
        length = len(piece) + (ord("A") - 1 if len(piece) <= 26 else ord("a") - 27)
        yield b"%c%b\n" % (length, b85encode(piece, pad=True))
    yield b"\n"


def _git_name(state: FileState | None, data: bytes) -> bytes:
    """Git's name of a content, whole: for a binary hunk it wants to see that it has the right one before it."""
    if state is None:
        return _NOTHING
    whole = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    whole.update(data)
    return whole.hexdigest().encode()


def _mode(state: FileState | None) -> bytes:
    if state is None:
        return b""
    return b"100755" if state.mode & 0o100 else b"100644"


def _names(change: FileChange) -> tuple[bytes, bytes]:
    name = os.fsencode(restored(change.path))
    return (os.fsencode(restored(change.renamed_from)) if change.renamed_from else name), name


def _label(name: bytes) -> bytes:
    # The tab keeps older programs from cutting a name at its first blank.
    return _quoted(name) + (b"\t" if b" " in name else b"")


def _quoted(name: bytes) -> bytes:
    return b'"%b"' % _ODD.sub(_escape, name) if _ODD.search(name) else name


def _escape(found: re.Match[bytes]) -> bytes:
    byte = found.group()
    return b"\\" + _ESCAPES.get(byte, b"%03o" % ord(byte))
