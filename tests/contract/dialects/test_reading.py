"""Every sample of every dialect: read whole, read in pieces, and cut off."""

from __future__ import annotations

import json

import msgspec
import pytest
from tests.contract.dialects.samples import PLAIN, ROUTE, SAMPLES, STREAMS, Sample, name_of

from ezaigents.providers.dialects import dialect
from ezaigents.providers.errors import CallFailed, FailureKind
from ezaigents.providers.transcript import Part, Reply, Text, Thinking, ToolCall


def comparable(reply: Reply) -> Reply:
    """The reply with its JSON texts in one spelling: how a provider spaced them does not matter."""
    return msgspec.structs.replace(reply, parts=tuple(_spelt(part) for part in reply.parts))


def _spelt(part: Part) -> Part:
    if isinstance(part, Thinking) and part.opaque:
        return msgspec.structs.replace(part, opaque=json.dumps(json.loads(part.opaque), sort_keys=True))
    if isinstance(part, ToolCall):
        return msgspec.structs.replace(part, arguments=json.dumps(json.loads(part.arguments), sort_keys=True))
    return part


def read(sample: Sample, size: int = 1 << 20) -> tuple[Reply, str]:
    """The reply, and the visible text on its way."""
    wire = dialect(sample.dialect)
    if not sample.stream:
        return wire.reply(sample.body, route=ROUTE), ""
    reading = wire.reading(route=ROUTE)
    pieces = [sample.body[start : start + size] for start in range(0, len(sample.body), size)]
    text = "".join(text for piece in pieces for text in reading.feed(piece))
    return reading.reply(), text


@pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
def test_an_answer_is_read_as_what_it_means(sample: Sample) -> None:
    """Text, thinking, calls, stop, usage and names are those that the provider sent."""
    assert comparable(read(sample)[0]) == comparable(sample.reply)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("sample", STREAMS, ids=name_of)
def test_how_a_stream_is_cut_into_pieces_does_not_matter(sample: Sample, size: int) -> None:
    """Cut between any two bytes, inside a character too, it is the same answer."""
    assert read(sample, size) == read(sample)


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("sample", STREAMS, ids=name_of)
def test_line_endings_do_not_matter(sample: Sample, size: int, ending: bytes) -> None:
    """CR and CRLF end lines as LF does, wherever the bytes are cut."""
    other = sample._replace(body=sample.body.replace(b"\n", ending))
    assert read(other, size) == read(sample)


@pytest.mark.parametrize("sample", [sample for sample in STREAMS if sample.name not in {"length"}], ids=name_of)
def test_what_was_shown_is_what_was_said(sample: Sample) -> None:
    """The visible pieces together are the texts of the reply."""
    reply, shown = read(sample)
    assert shown == "".join(part.text for part in reply.parts if isinstance(part, Text))


@pytest.mark.parametrize("sample", STREAMS, ids=name_of)
def test_a_stream_cut_at_any_byte_is_a_failure(sample: Sample) -> None:
    """A part of an answer is never a Reply, and the call may have been billed."""
    wire = dialect(sample.dialect)
    for length in range(len(sample.body)):
        reading = wire.reading(route=ROUTE)
        reading.feed(sample.body[:length])
        with pytest.raises(CallFailed) as caught:
            reading.reply()
        assert (caught.value.kind, caught.value.may_be_billed) == (FailureKind.BROKEN, True)
        assert caught.value.usage == reading.usage


@pytest.mark.parametrize("sample", PLAIN, ids=name_of)
def test_a_body_cut_at_any_byte_is_a_failure(sample: Sample) -> None:
    """A part of a body is never a Reply."""
    for length in range(len(sample.body)):
        with pytest.raises(CallFailed) as caught:
            dialect(sample.dialect).reply(sample.body[:length], route=ROUTE)
        assert (caught.value.kind, caught.value.may_be_billed) == (FailureKind.BROKEN, True)


@pytest.mark.parametrize("sample", STREAMS, ids=name_of)
def test_what_comes_after_the_end_changes_nothing(sample: Sample) -> None:
    """The end of an answer is its end."""
    twice = sample._replace(body=sample.body * 2)
    assert read(twice) == read(sample)
    assert read(sample._replace(body=sample.body + b"data: {{{\n\n"))[0] == read(sample)[0]


@pytest.mark.parametrize("sample", STREAMS, ids=name_of)
def test_unknown_events_and_comments_are_passed_over(sample: Sample) -> None:
    """Providers add events whenever they like."""
    strange = (
        b': keep-alive\n\nevent: novelty\ndata: {"type": "novelty", "choices": null, "x": [1]}\nid: 7\nretry: 5\n\n'
    )
    assert read(sample._replace(body=strange + sample.body.replace(b"\n\n", b"\n\n" + strange)))[0] == read(sample)[0]


@pytest.mark.parametrize("sample", STREAMS, ids=name_of)
def test_a_missing_event_never_makes_another_exception(sample: Sample) -> None:
    """An answer that lost an event on its way is a Reply or a failure, whichever event it was, and so with a double."""
    events = [event + b"\n\n" for event in sample.body.split(b"\n\n") if event]
    for number in range(len(events)):
        for body in (
            b"".join(events[:number] + events[number + 1 :]),
            b"".join([*events[: number + 1], *events[number:]]),
        ):
            reading = dialect(sample.dialect).reading(route=ROUTE)
            try:
                reading.feed(body)
                reading.reply()
            except CallFailed as failed:
                with pytest.raises(CallFailed) as again:
                    reading.reply()
                assert again.value is failed
