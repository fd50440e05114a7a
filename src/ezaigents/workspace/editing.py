"""Replacing text in the bytes of a file.

Job: the same encoding, marks, line ends and final newline as before, whatever they are. Not its job: reading and
writing the file (overlay). What is not replaced is not touched, not by a byte.
"""

from __future__ import annotations

import codecs
import re

from ezaigents.workspace.encoding import Encoding, Sniffer
from ezaigents.workspace.errors import EditRefused


def edited(path: str, data: bytes, old: str, new: str, count: int) -> bytes:
    """Return `data` with `old` replaced by `new`, which must be there exactly `count` times (not overlapping).

    In a file whose lines all end in CRLF, the line ends of `old` and `new` count as CRLF too. A file in no encoding
    we know may be edited where its text is ASCII. `path` is for the message. Raises EditRefused.
    """
    if not old:
        raise EditRefused(path, "the text to be replaced is empty; to make a whole file, write it")
    codec, errors = _codec_of(path, data)
    text = data.decode(codec, errors)
    if "\r\n" in text and not re.search("(?<!\r)\n", text):
        old, new = (re.sub("\r?\n", "\r\n", part) for part in (old, new))
    found = text.count(old)
    if found != count:
        raise EditRefused(path, f"the text to be replaced is there {_times(found)}, not {_times(count)}")
    try:
        return text.replace(old, new).encode(codec, errors)
    except UnicodeEncodeError as error:
        char = error.object[error.start]
        raise EditRefused(path, f"{error.encoding} text cannot hold {char!a}; write it in other words") from error


def _codec_of(path: str, data: bytes) -> tuple[str, str]:
    """The codec and the way with errors by which `data` becomes text and the same bytes again."""
    sniffer = Sniffer()
    sniffer.feed(data)
    encoding = sniffer.finish()
    if encoding is Encoding.BINARY:
        raise EditRefused(path, "text edit of a binary file; write it whole")
    if encoding is Encoding.UNDECODABLE:
        # The bytes beyond ASCII stand for themselves; nobody knows how to write another letter of that kind.
        return "ascii", "surrogateescape"
    # With its order named, a UTF-16 codec leaves the mark alone: it is a character at the start like any other.
    if data.startswith(codecs.BOM_UTF16_LE) and encoding is Encoding.UTF16:
        return "utf-16-le", "strict"
    if data.startswith(codecs.BOM_UTF16_BE) and encoding is Encoding.UTF16:
        return "utf-16-be", "strict"
    return sniffer.codec, "strict"


def _times(count: int) -> str:
    return f"{count} times" if count != 1 else "once"
