"""Server-sent events: the rules of the format, one by one."""

from __future__ import annotations

import pytest

from ezaigents.providers.dialects.sse import ANSWER_BYTES, EVENT_BYTES, Event, Events
from ezaigents.providers.errors import CallFailed, FailureKind


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"data: a\n\n", [Event(b"", b"a")]),
        (b"data:a\n\n", [Event(b"", b"a")]),
        (b"data:  a\n\n", [Event(b"", b" a")]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [Event(b"", b"a"), Event(b"", b"b"), Event(b"", b"c")]),
        (b"data: a\ndata: b\ndata\n\n", [Event(b"", b"a\nb\n")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [Event(b"x", b"a"), Event(b"", b"b")]),
        (b"event: x\n\ndata: b\n\n", [Event(b"", b"b")]),
        (b": comment\n\n:\ndata: a\nid: 1\nretry: 2\nnovelty: 3\n\n", [Event(b"", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [Event(b"", b"a")]),
        (b"data: a: b\n\n", [Event(b"", b"a: b")]),
        (b"data: a", []),
        (b"data: a\n", []),
        (b"", []),
        ("data: é🐙\n\n".encode(), [Event(b"", "é🐙".encode())]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_events_are_those_of_the_format(data: bytes, events: list[Event], size: int) -> None:
    """Line endings, fields, comments and the byte order mark mean what the format says, however the bytes are cut."""
    reader = Events()
    found = [event for start in range(0, len(data), size) for event in reader.feed(data[start : start + size])]
    assert found == events


def test_an_empty_piece_between_cr_and_lf_changes_nothing() -> None:
    """A CRLF cut in two is one line ending, though nothing at all comes between."""
    reader = Events()
    pieces = [b"data: a\r", b"", b"\ndata: b\r", b"\n", b"\r", b"\n"]
    assert [event for piece in pieces for event in reader.feed(piece)] == [Event(b"", b"a\nb")]


@pytest.mark.parametrize("piece", [b"data: " + b"a" * 65530, b"data: " + b"a" * 65529 + b"\n"])
def test_one_event_has_a_bound(piece: bytes) -> None:
    """An event that never ends, in one line or in many, is a failure before it fills the memory."""
    reader = Events()
    with pytest.raises(CallFailed, match="one event") as caught:
        for _ in range(EVENT_BYTES // 65536 + 2):
            reader.feed(piece)
    assert (caught.value.kind, caught.value.may_be_billed) == (FailureKind.BROKEN, True)


def test_a_whole_answer_has_a_bound() -> None:
    """A stream that goes on for ever, in comments too, is a failure."""
    reader = Events()
    with pytest.raises(CallFailed, match="the answer"):
        for _ in range(ANSWER_BYTES // 65536 + 1):
            reader.feed(b": comment\n\n" * 6000)
