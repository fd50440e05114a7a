"""Lines of text from windows of bytes, and what kind each line is.

Job: cutting and counting in bounded memory. Not its job: strings and nesting: a comment counts as one when it
begins its line, and docstrings count as code.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from ezaigents.agents.local.languages import Language

LINE_MAX_CHARS = 16 * 1024
"""What is kept of one line; the rest of a longer one (minified code) counts and is not looked at."""


class LineCutter:
    """Cuts decoded windows into lines without their ends. The codec is fixed at the first window."""

    def __init__(self, codec: str) -> None:
        self._decoder = codecs.getincrementaldecoder(codec)("surrogateescape")
        self._tail = ""

    def feed(self, window: bytes) -> Iterator[str]:
        """Yield the lines that this window completes."""
        pieces = self._decoder.decode(window).split("\n")
        pieces[0] = self._tail + pieces[0]
        self._tail = pieces.pop()[:LINE_MAX_CHARS]
        for piece in pieces:
            yield piece[:LINE_MAX_CHARS].removesuffix("\r")

    def finish(self) -> Iterator[str]:
        """Yield the last line if it did not end in a newline."""
        tail = self._tail + self._decoder.decode(b"", final=True)
        if tail:
            yield tail.removesuffix("\r")


class LineCounter:
    """Counts code, comments and blanks; feed it every line in order."""

    def __init__(self, language: Language) -> None:
        self._marks = language.line_marks
        self._open, self._close = language.block
        self._in_block = False
        self.code = 0
        self.comments = 0
        self.blanks = 0

    def feed(self, line: str) -> None:
        """Take the next line."""
        text = line.strip().removeprefix("\ufeff")
        if not text:
            self.blanks += 1
        elif self._is_comment(text):
            self.comments += 1
        else:
            self.code += 1

    def _is_comment(self, text: str) -> bool:
        if not self._in_block:
            if not (self._open and text.startswith(self._open)):
                return text.startswith(self._marks)
            text = text[len(self._open) :]
            self._in_block = True
        _before, closer, after = text.partition(self._close)
        self._in_block = not closer
        return not (closer and after.strip())
