"""What came over the wire as a Reply. Job: refusals, bodies and streams, by the dialect. Not its job: sending (client).

Some servers answer a request for a stream with one body, and some never hang up after their last word.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import NoReturn

from ezaigents.providers.client import Answer
from ezaigents.providers.dialects import Dialect, StreamReading
from ezaigents.providers.errors import CallFailed, FailureKind
from ezaigents.providers.transcript import Reply, Text

Told = Callable[[str], None] | None
_OK = 200


async def read_answer(spoken: Dialect, answer: Answer, route: str, *, streams: bool, on_text: Told) -> Reply:
    """Read an answer to its end. `on_text`: given visible text as it comes. Raises CallFailed; a part is no answer."""
    if answer.status != _OK:
        await _refused(spoken, answer)
    if not streams or answer.headers.get("content-type", "").startswith("application/json"):
        reply = spoken.reply(await answer.whole(), route=route)
        _tell_at_once(reply, on_text)
        return reply
    reading = spoken.reading(route=route)
    try:
        await _follow(reading, answer, on_text)
    except CallFailed as failure:
        return _whole_after_all(reading, failure)
    return reading.reply()


async def _refused(spoken: Dialect, answer: Answer) -> NoReturn:
    if 300 <= answer.status < 400:
        words = f"answered with a redirect ({answer.status}), which is not followed; mend its base_url"
        raise CallFailed(FailureKind.REJECTED, words, status=answer.status)
    raise spoken.failure(answer.status, answer.headers, await answer.failure())


async def _follow(reading: StreamReading, answer: Answer, on_text: Told) -> None:
    async with aclosing(answer.pieces()) as pieces:
        async for piece in pieces:
            for text in reading.feed(piece):
                if on_text is not None:
                    on_text(text)


def _tell_at_once(reply: Reply, on_text: Told) -> None:
    """Give the text of an answer that did not come in pieces."""
    if on_text is not None:
        for part in reply.parts:
            if isinstance(part, Text):
                on_text(part.text)


def _whole_after_all(reading: StreamReading, failure: CallFailed) -> Reply:
    """What broke off after its last word is whole: some servers never close."""
    try:
        return reading.reply()
    except CallFailed:
        raise failure from None
