"""What the bytes of a file are: text, in which encoding, or not text.

Job: decide while windows stream by. Not its job: changing a byte; text is decoded so that encoding it again
with the same codec and errors gives the same bytes.
"""

from __future__ import annotations

import codecs
from enum import StrEnum

_C1 = bytes(range(0x80, 0xA0))
"""Control characters in Latin-1: text in that encoding does not hold them."""
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b"))
_UTF16_SHARE = 0.4
"""Share of character pairs with a zero half above which text without a mark is taken for UTF-16."""
_CONTROL_SHARE = 0.1


class Encoding(StrEnum):
    """The five answers. `undecodable`: text by its look, in none of the encodings we know."""

    BINARY = "binary"
    UTF8 = "utf-8"
    UTF16 = "utf-16"
    LATIN1 = "latin-1"
    UNDECODABLE = "undecodable"


class Sniffer:
    """Feed it the windows of one file in order; `encoding` is its answer for what it has seen."""

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        self._codec = "utf-8"
        self._is_binary = False
        self._decodes = True
        self._fits_latin1 = True

    @property
    def codec(self) -> str:
        """Python's name of the codec to decode with; lossless together with errors=surrogateescape.

        Known from the first window on, except that Latin-1 shows only at the end.
        """
        return "latin-1" if self.encoding is Encoding.LATIN1 else self._codec

    @property
    def encoding(self) -> Encoding:
        """The answer for the windows so far; final after `finish`."""
        if self._is_binary:
            return Encoding.BINARY
        if self._decodes:
            return Encoding.UTF8 if self._codec == "utf-8" else Encoding.UTF16
        if self._codec == "utf-8" and self._fits_latin1:
            return Encoding.LATIN1
        return Encoding.UNDECODABLE

    def feed(self, window: bytes) -> None:
        """Take the next window."""
        if self._decoder is None:
            self._codec = _codec_of(window)
            self._decoder = codecs.getincrementaldecoder(self._codec)()
            self._is_binary = self._codec == "utf-8" and _looks_binary(window)
        if self._codec == "utf-8":
            self._is_binary = self._is_binary or b"\0" in window
            self._fits_latin1 = self._fits_latin1 and len(window.translate(None, _C1)) == len(window)
        self._try(window, final=False)

    def finish(self) -> Encoding:
        """Say that there are no more windows, and return the answer."""
        self._try(b"", final=True)
        return self.encoding

    def _try(self, window: bytes, *, final: bool) -> None:
        if self._decodes and not self._is_binary and self._decoder is not None:
            try:
                self._decoder.decode(window, final)
            except UnicodeDecodeError:
                self._decodes = False


def sniff(data: bytes) -> Encoding:
    """Decide for bytes that are all in memory."""
    sniffer = Sniffer()
    sniffer.feed(data)
    return sniffer.finish()


def _looks_binary(window: bytes) -> bool:
    odd = len(window) - len(window.translate(None, _CONTROL))
    return b"\0" in window or odd > len(window) * _CONTROL_SHARE


def _codec_of(window: bytes) -> str:
    is_utf32 = window.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE))
    if window.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not is_utf32:
        return "utf-16"
    pairs = len(window) // 2
    low, high = window[0 : 2 * pairs : 2], window[1 : 2 * pairs : 2]
    if pairs >= 2 and b"\0" not in low and high.count(0) > pairs * _UTF16_SHARE:
        return "utf-16-le"
    if pairs >= 2 and b"\0" not in high and low.count(0) > pairs * _UTF16_SHARE:
        return "utf-16-be"
    return "utf-8"
