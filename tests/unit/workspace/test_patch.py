"""The patch: whatever changed, the real git applies it forwards and backwards, byte for byte."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.effort import share
from tests.unit.workspace.gitted import Tree, check_both_ways, diff_by_git, patch_of

_TEXT = b"".join(b"line %d\n" % number for number in range(30))
_FILES = (b"--- ", b"+++ ")
_NOISE = bytes(range(256)) * 5
CASES: dict[str, tuple[Tree, Tree]] = {
    "edit": ({b"a": (_TEXT, 0o644)}, {b"a": (_TEXT.replace(b"line 3\n", b"3\n4\n"), 0o644)}),
    "edits far apart": ({b"a": (_TEXT, 0o644)}, {b"a": (_TEXT[:7] + _TEXT[21:-8] + b"end\n", 0o644)}),
    "new file in a new folder": ({}, {b"x/y/a": (_TEXT, 0o644)}),
    "new executable": ({}, {b"run": (b"#!/bin/sh\n", 0o755)}),
    "deleted": ({b"a": (_TEXT, 0o644), b"b": (_TEXT, 0o755)}, {}),
    "mode only": ({b"a": (_TEXT, 0o644)}, {b"a": (_TEXT, 0o755)}),
    "mode of an empty file": ({b"a b": (b"", 0o755)}, {b"a b": (b"", 0o644)}),
    "mode and edit": ({b"a": (_TEXT, 0o755)}, {b"a": (_TEXT + b"x\n", 0o644)}),
    "new empty file": ({}, {b"a": (b"", 0o644)}),
    "deleted empty file": ({b"a": (b"", 0o644)}, {}),
    "emptied": ({b"a": (_TEXT, 0o644)}, {b"a": (b"", 0o644)}),
    "filled": ({b"a": (b"", 0o644)}, {b"a": (b"one\n", 0o644)}),
    "CRLF": ({b"a": (b"a\r\nb\r\n", 0o644)}, {b"a": (b"a\r\nc\r\n", 0o644)}),
    "CRLF to LF": ({b"a": (b"a\r\nb\r\n", 0o644)}, {b"a": (b"a\nb\n", 0o644)}),
    "lone CR": ({b"a": (b"a\rb\rc\n", 0o644)}, {b"a": (b"a\rB\rc\n", 0o644)}),
    "final newline lost": ({b"a": (b"a\nb\n", 0o644)}, {b"a": (b"a\nb", 0o644)}),
    "final newline won": ({b"a": (b"a\nb", 0o644)}, {b"a": (b"a\nb\n", 0o644)}),
    "no final newline, both": ({b"a": (b"a\nb", 0o644)}, {b"a": (b"A\nb", 0o644)}),
    "Latin-1": ({b"a": ("Mühe\n".encode("latin-1"), 0o644)}, {b"a": ("Mühsal\n".encode("latin-1"), 0o644)}),
    "byte order mark": ({b"a": (b"\xef\xbb\xbfa\n", 0o644)}, {b"a": (b"\xef\xbb\xbfb\n", 0o644)}),
    "UTF-16": ({b"a": ("é\n".encode("utf-16"), 0o644)}, {b"a": ("è\nü\n".encode("utf-16"), 0o644)}),
    "NUL": ({b"a": (b"a\0b\n", 0o644)}, {b"a": (b"a\0c\n", 0o644)}),
    "text becomes binary": ({b"a": (_TEXT, 0o644)}, {b"a": (_NOISE, 0o644)}),
    "new binary": ({}, {b"a": (_NOISE, 0o755)}),
    "deleted binary": ({b"a": (_NOISE, 0o644)}, {}),
    "large binary": ({b"a": (os.urandom(3000) + b"\0", 0o644)}, {b"a": (b"\0" + os.urandom(70_001), 0o644)}),
    "many lines": ({b"a": (b"\n" * 300_000, 0o644)}, {b"a": (b"\n" * 150_000 + b"x\n" * 60_000, 0o644)}),
    "several files": (
        {b"a": (_TEXT, 0o644), b"b/c": (b"\0", 0o644), b"keep": (b"k", 0o644)},
        {b"b/c": (b"\1\0", 0o644), b"d": (b"new", 0o644), b"keep": (b"k", 0o644)},
    ),
}
NAMES = [
    b"with space",
    b"sp ace/in folder/x y",
    b"tab\there",
    b'quo"te',
    b"back\\slash",
    b"new\nline",
    "ümläut".encode(),
    b"\xff\xfe bytes",
    b"bell\a and\x01\x7f",
    b" leading",
    b"trailing ",
    b"--dash",
    b"a/b/a/b",
]


@pytest.mark.parametrize("case", CASES)
def test_git_applies_it_both_ways(tmp_path: Path, case: str) -> None:
    """Every kind of change comes out as git means it, contents and modes, and can be taken back."""
    before, after = CASES[case]
    check_both_ways(tmp_path, before, after, patch_of(before, after).data)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["edit", "new", "deleted", "mode", "rename", "binary"])
def test_any_name(tmp_path: Path, name: bytes, kind: str) -> None:
    """A name that a file system holds is quoted as git reads it, in each kind of header."""
    old: Tree = {name: (_TEXT, 0o644)}
    new: dict[str, Tree] = {
        "edit": {name: (_TEXT[7:], 0o644)},
        "deleted": {},
        "mode": {name: (_TEXT, 0o755)},
        "rename": {b"to/" + name: (_TEXT[7:], 0o644)},
        "binary": {name: (_NOISE, 0o644)},
    }
    before, after = ({}, old) if kind == "new" else (old, new[kind])
    renames = {name: b"to/" + name} if kind == "rename" else {}
    check_both_ways(tmp_path, before, after, patch_of(before, after, renames).data)


@pytest.mark.parametrize(
    "content", [(_TEXT, _TEXT), (_TEXT, _TEXT[7:]), (_NOISE, _NOISE[9:]), (b"", b""), (_TEXT, b"")]
)
@pytest.mark.parametrize("modes", [(0o644, 0o644), (0o755, 0o644)])
def test_rename(tmp_path: Path, content: tuple[bytes, bytes], modes: tuple[int, int]) -> None:
    """A rename is one change, with its edit and its mode, and back again."""
    before, after = {b"from": (content[0], modes[0])}, {b"in/to": (content[1], modes[1])}
    patch = patch_of(before, after, {b"from": b"in/to"})
    assert b"rename from from\nrename to in/to\n" in patch.data
    check_both_ways(tmp_path, before, after, patch.data)


@pytest.mark.parametrize("case", [case for case in CASES if case != "many lines"])
def test_it_reads_like_git(tmp_path: Path, case: str) -> None:
    """Headers, names and the ranges of hunks are those of git's own diff, which other programs know."""
    before, after = CASES[case]
    assert headers_of(patch_of(before, after).data) == headers_of(diff_by_git(tmp_path, before, after))


@pytest.mark.parametrize("name", NAMES)
def test_names_read_like_git(tmp_path: Path, name: bytes) -> None:
    """A name is quoted, or not, as git does it, with the tab behind one that holds a blank."""
    before, after = {name: (_TEXT, 0o644)}, {name: (_TEXT[7:], 0o755)}
    assert headers_of(patch_of(before, after).data) == headers_of(diff_by_git(tmp_path, before, after))


def test_too_many_lines_go_whole() -> None:
    """A text of more lines than are worth a list of them is given as one piece."""
    before, after = CASES["many lines"]
    patch = patch_of(before, after)
    assert b"GIT binary patch" in patch.data
    assert (patch.added, patch.removed) == (0, 0)


def headers_of(patch: bytes) -> list[bytes]:
    """All lines but those of content, without the heading that git puts behind a range."""
    lines = [line for line in patch.split(b"\n") if not line.startswith((b" ", b"+", b"-")) or line[:4] in _FILES]
    headers = [re.sub(rb"^(@@ [^@]* @@).*", rb"\1", line) for line in lines]
    return [line for line in headers if re.match(rb"diff|index|old|new|deleted|---|\+\+\+|@@|GIT|literal|\\", line)]


def test_a_name_left_may_be_taken_again(tmp_path: Path) -> None:
    """Two files that change places and a file that is made where one was deleted are changes of their paths."""
    before: Tree = {b"a": (_TEXT, 0o644), b"b": (b"b\n", 0o755)}
    after: Tree = {b"a": (b"b\n", 0o755), b"b": (_TEXT, 0o644)}
    check_both_ways(tmp_path, before, after, patch_of(before, after).data)


def test_lines_are_counted() -> None:
    """Added and removed count lines of text, also those that look like a header, and no binary files."""
    before: Tree = {b"a": (b"-- x\n++ y\nz\n", 0o644), b"b": (b"\0", 0o644), b"c": (b"1\n2", 0o644)}
    after: Tree = {b"a": (b"z\nq\n", 0o644), b"b": (b"\0\n\n", 0o644)}
    patch = patch_of(before, after)
    assert (patch.added, patch.removed) == (1, 4)


_lines = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b" a\n", b"\r\n", b"-\n", b"@@\n", b"\\\n"]), max_size=40
)


@settings(max_examples=share(60, 2), deadline=None)
@given(old=_lines, new=_lines, ends=st.tuples(*[st.sampled_from([b"", b"a", b"\r", b"+"])] * 2))
def test_any_edit_of_lines(old: list[bytes], new: list[bytes], ends: tuple[bytes, bytes]) -> None:
    """Whatever lines become whatever lines, git agrees."""
    before: Tree = {b"f": (b"".join(old) + ends[0], 0o644)}
    after: Tree = {b"f": (b"".join(new) + ends[1], 0o644)}
    if before == after:
        return
    with tempfile.TemporaryDirectory() as folder:
        check_both_ways(Path(folder), before, after, patch_of(before, after).data)
