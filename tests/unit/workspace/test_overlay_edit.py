"""Editing by text: only what was asked for changes, in any encoding."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.workspace.attempts import Bench, sha

from ezaigents.workspace import EditRefused
from ezaigents.workspace.editing import edited


@pytest.mark.parametrize(
    ("data", "old", "new", "after"),
    [
        (b"a\nb\n", "b", "c", b"a\nc\n"),
        (b"a\nb", "b", "c", b"a\nc"),
        (b"a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz", b"x\r\ny\r\nz\r\nc\r\n"),
        (b"a\r\nb\r\n", "a\r\n", "A\r\n", b"A\r\nb\r\n"),
        (b"a\r\nb\nc\r\n", "b\n", "x\n", b"a\r\nx\nc\r\n"),
        (b"a\rb\n", "a\r", "x\r", b"x\rb\n"),
        (b"\xef\xbb\xbfa\n", "a", "ä", b"\xef\xbb\xbf\xc3\xa4\n"),
        ("ä\n".encode("latin-1"), "ä", "ö", "ö\n".encode("latin-1")),
        (codecs.BOM_UTF16_LE + "ä\n".encode("utf-16-le"), "ä", "€", codecs.BOM_UTF16_LE + "€\n".encode("utf-16-le")),
        (codecs.BOM_UTF16_BE + "ä\n".encode("utf-16-be"), "ä", "€", codecs.BOM_UTF16_BE + "€\n".encode("utf-16-be")),
        ("plain\n".encode("utf-16-le"), "plain", "text", "text\n".encode("utf-16-le")),
        (b"smart \x93quotes\x94 here\n", "here", "there", b"smart \x93quotes\x94 there\n"),
        (b"smart \x93quotes\x94\n", " \udc93quotes\udc94", "", b"smart\n"),
        (b"tab\there\x0c\n", "\t", "  ", b"tab  here\x0c\n"),
    ],
)
def test_the_rest_stays_byte_for_byte(bench: Bench, data: bytes, old: str, new: str, after: bytes) -> None:
    """Encoding, byte order mark, line ends and the missing final newline outlive an edit."""
    before = bench.put("f", data)
    overlay = bench.attempt()
    assert overlay.edit("f", old, new, expected=before) == sha(after)
    assert overlay.read("f").data == after


@pytest.mark.parametrize(
    ("data", "old", "new", "words"),
    [
        (b"\x7fELF\0", "ELF", "x", "text edit of a binary file"),
        (b"aXbXc", "X", "y", "is there 2 times, not once"),
        (b"abc", "X", "y", "is there 0 times, not once"),
        (b"abc", "", "y", "is empty"),
        ("ä".encode("latin-1"), "ä", "€", "cannot hold"),
        (b"ascii", "a", "\udc80", "cannot hold"),
        (b"smart \x93quotes\x94\n", "smart", "schön", "cannot hold"),
        (codecs.BOM_UTF16_LE + "ä\n".encode("utf-16-le"), "ä", "\ud800", "cannot hold"),
    ],
)
def test_what_cannot_be_edited_is_refused(bench: Bench, data: bytes, old: str, new: str, words: str) -> None:
    """Binary files, a wrong count and text the encoding cannot hold are refused, and nothing changes."""
    before = bench.put("f", data)
    overlay = bench.attempt()
    with pytest.raises(EditRefused, match=words):
        overlay.edit("f", old, new, expected=before)
    assert overlay.changes() == ()


def test_the_count_is_kept_to(bench: Bench) -> None:
    """Every occurrence is replaced where their number was said, and none where it was wrong."""
    before = bench.put("f", b"x x x")
    overlay = bench.attempt()
    with pytest.raises(EditRefused, match="3 times, not 2 times"):
        overlay.edit("f", "x", "y", expected=before, count=2)
    overlay.edit("f", "x", "y", expected=before, count=3)
    assert overlay.read("f").data == b"y y y"


@given(head=st.binary(max_size=20), tail=st.binary(max_size=20))
def test_no_other_byte_moves(head: bytes, tail: bytes) -> None:
    """Whatever stands around the text, an edit there and back is the same bytes, or is refused."""
    data = head + b"NEEDLE" + tail
    try:
        once = edited("f", data, "NEEDLE", "pin", 1)
        assert edited("f", once, "pin", "NEEDLE", 1) == data
    except EditRefused:
        return
    assert once == head + b"pin" + tail
