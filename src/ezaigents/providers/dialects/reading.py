"""A streamed answer, whatever its dialect.

Job: bytes to events to an assembly; nothing but CallFailed comes out of it; what failed stays failed. Not its job: the
meaning of an event.
"""

from __future__ import annotations

from typing import Protocol

from ezaigents.providers.dialects.sse import ANSWER_BYTES, Event, Events
from ezaigents.providers.dialects.wire import Garbled
from ezaigents.providers.errors import CallFailed, FailureKind
from ezaigents.providers.transcript import Reply
from ezaigents.records import Usage


class Assembly(Protocol):
    """What a dialect makes of the events of one answer."""

    @property
    def usage(self) -> Usage | None:
        """What has been said of it so far."""
        ...

    def take(self, event: Event) -> str:
        """Take an event; give the visible text in it. Raises Garbled, or CallFailed where it says so."""
        ...

    def whole(self) -> Reply:
        """The answer. Raises Garbled where it has not ended."""
        ...


class EventReading:
    """A StreamReading over an assembly."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._events = Events()
        self._failed: CallFailed | None = None

    @property
    def usage(self) -> Usage | None:
        return self._assembly.usage

    def feed(self, data: bytes) -> list[str]:
        if self._failed:
            raise self._failed
        try:
            return [text for event in self._events.feed(data) if (text := self._assembly.take(event))]
        except (Garbled, CallFailed) as error:
            raise self._fail(error) from error.__cause__

    def reply(self) -> Reply:
        if self._failed:
            raise self._failed
        try:
            return self._assembly.whole()
        except (Garbled, CallFailed) as error:
            raise self._fail(error) from error.__cause__

    def _fail(self, error: Garbled | CallFailed) -> CallFailed:
        failed = error if isinstance(error, CallFailed) else broken(str(error))
        failed.usage = failed.usage or self.usage
        self._failed = failed
        return failed


def broken(why: str, usage: Usage | None = None) -> CallFailed:
    """The failure of an answer that came, and is not one. `why`: what is wrong with it."""
    return CallFailed(
        FailureKind.BROKEN,
        f"the answer cannot be used: {why}; nothing of it was carried out, and the call may have been billed",
        status=200,
        may_be_billed=True,
        usage=usage,
    )


def bounded(body: bytes) -> bytes:
    """The body of an answer that was not streamed. Raises Garbled when it is larger than any answer."""
    if len(body) > ANSWER_BYTES:
        raise Garbled(f"it has more than {ANSWER_BYTES} bytes")
    return body
