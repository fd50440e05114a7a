"""Some lines out of the middle of a file that streams by.

Job: which bytes they are, with a bound on all of it. Not its job: reading the file, what the bytes mean (reading).
Lines end at LF.
"""

from __future__ import annotations

import msgspec

LINES_MOST = 400
WINDOW_MOST_BYTES = 48 * 1024
"""A whole file of usual size, and no more than a model can use at once."""
LINE_MOST_BYTES = 4096


class Line(msgspec.Struct, frozen=True):
    """A line without its end: its first 4 KiB, and how many bytes it has."""

    data: bytes
    size_bytes: int


class LineWindow:
    """Feed it the bytes of a file in order, then `finish` it: `kept` holds lines from `first` (counted from 1) on."""

    def __init__(self, first: int, most: int = LINES_MOST) -> None:
        self._first = first
        self._most = min(most, LINES_MOST)
        self._ended = 0
        self._line = bytearray()
        self._line_bytes = 0
        self._kept_bytes = 0
        self.kept: list[Line] = []
        self.is_open = False
        """The last line has no end."""

    @property
    def is_full(self) -> bool:
        """More lines would not be kept."""
        return len(self.kept) >= self._most or self._kept_bytes >= WINDOW_MOST_BYTES

    @property
    def total(self) -> int:
        """Lines so far, one without an end among them."""
        return self._ended + self.is_open

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if not data:
            return
        self.is_open = not data.endswith(b"\n")
        newlines = data.count(b"\n")
        if self.is_full or self._ended + newlines < self._first - 1:
            self._ended += newlines
            return
        at = 0
        while at < len(data) and not self.is_full:
            end = data.find(b"\n", at)
            stop = len(data) if end < 0 else end
            self._take(data[at : min(stop, at + LINE_MOST_BYTES)], stop - at, ends=end >= 0)
            at = stop + 1
        self._ended += data.count(b"\n", at)

    def finish(self) -> None:
        """Say that there are no more bytes."""
        if self.is_open and self._is_wanted and not self.is_full:
            self._keep()

    @property
    def _is_wanted(self) -> bool:
        return self._ended >= self._first - 1

    def _take(self, piece: bytes, size_bytes: int, *, ends: bool) -> None:
        if self._is_wanted:
            self._line += piece[: LINE_MOST_BYTES - len(self._line)]
            self._line_bytes += size_bytes
            if ends:
                self._keep()
        self._ended += ends

    def _keep(self) -> None:
        self.kept.append(Line(bytes(self._line), self._line_bytes))
        self._kept_bytes += len(self._line) + 1
        self._line.clear()
        self._line_bytes = 0
