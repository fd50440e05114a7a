"""Server-sent events out of bytes that were cut anywhere.

Job: lines, fields and events, with bounds. Not its job: what the data means; `id` and `retry` are ignored, for an
answer of a model is never resumed. Source: WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ezaigents.providers.errors import CallFailed, FailureKind

EVENT_BYTES = 8 * 1024 * 1024
"""Most bytes of one event: several times the longest answer a model gives in one piece."""
ANSWER_BYTES = 32 * 1024 * 1024
"""Most bytes of a whole answer: a longest answer (128 K tokens) sent token by token, each in its own event."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """`name`: b"" where none was given. `data`: its lines, joined by a line feed."""

    name: bytes
    data: bytes


class Events:
    """Takes bytes, gives the events that they complete; what no blank line ends is never given."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._after_cr = False
        self._first = True
        self._name = b""
        self._data: list[bytes] = []
        self._event_bytes = 0
        self._answer_bytes = 0

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes. Raises CallFailed (broken) when a bound is passed."""
        self._answer_bytes = _bounded(self._answer_bytes + len(data), ANSWER_BYTES, "the answer")
        if self._after_cr and data:  # a CR ended the line already; an LF right after it belongs to it
            self._after_cr = False
            data = data.removeprefix(b"\n")
        *whole, rest = _LINE_END.split(data)
        self._after_cr = self._after_cr or data.endswith(b"\r")
        found = [event for piece in whole if (event := self._end_line(piece))]
        self._line += rest
        _bounded(self._event_bytes + len(self._line), EVENT_BYTES, "one event")
        return found

    def _end_line(self, piece: bytes) -> Event | None:
        line = bytes(self._line) + piece if self._line else piece
        self._line.clear()
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._end_event()
        self._event_bytes = _bounded(self._event_bytes + len(line), EVENT_BYTES, "one event")
        field, _, value = line.partition(b":")  # a comment is a field without a name
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ")
        return None

    def _end_event(self) -> Event | None:
        event = Event(self._name, b"\n".join(self._data)) if self._data else None
        self._name, self._data, self._event_bytes = b"", [], 0
        return event


def _bounded(size: int, most: int, what: str) -> int:
    if size > most:
        raise CallFailed(
            FailureKind.BROKEN,
            f"{what} has more than {most} bytes; no model answers so much, so it was not read on",
            status=200,
            may_be_billed=True,
        )
    return size
