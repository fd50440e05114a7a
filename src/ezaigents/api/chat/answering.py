"""An answer as it is sent: whole, or in chunks while it comes. Job: the call, the reader, and the end of both.

A reader who leaves ends the call. What goes wrong before the first byte is an error with its own status; after it, an
event with the error is the last one, and OpenAI's clients raise it. Not its job: the form of what is sent (outbound).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ezaigents.access import Grant
from ezaigents.api.answers import JSON, left
from ezaigents.api.chat import outbound
from ezaigents.api.chat.calls import Calls
from ezaigents.api.chat.errors import refusal_of
from ezaigents.api.chat.listening import Listener
from ezaigents.api.chat.outbound import Frame
from ezaigents.codec import to_json
from ezaigents.errors import EzError
from ezaigents.providers import Request

if TYPE_CHECKING:
    from ezaigents.agents.model.calls import Called

_log = logging.getLogger(__name__)
WELCOME_EVERY_S = 5.0
"""So long at most an answer goes on whose token was taken back."""
KEEP_ALIVE_S = 15.0
"""While a model thinks, a comment as often as this keeps proxies and clients from taking silence for the end."""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """One request on its way. `by`: who asked; `is_welcome`: whether they still may."""

    calls: Calls
    request: Request
    frame: Frame
    by: Grant
    is_welcome: Callable[[], bool]

    async def call(self, listener: Listener | None = None) -> Called:
        """Have it answered. Raises what the call raises, and BrokenOff."""
        frame = self.frame
        called = await self.calls.call(
            frame.agent,
            self.request,
            on_text=listener.text if listener else None,
            on_restart=listener.restart if listener else None,
        )
        reply, cost = called.reply, called.cost_microusd
        _log.info("%s %s had %s answer: %s, %d micro-dollars", self.by.kind, self.by.id, frame.agent, reply.route, cost)
        return called


class WholeAnswer(Response):
    """One JSON body."""

    def __init__(self, asking: Asking) -> None:
        super().__init__()
        self._asking = asking

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with _attended(self._asking, receive) as (calling, leaving):
            await asyncio.wait({calling, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                return
            called = calling.result()
            whole = outbound.completion(self._asking.frame, called.reply, called.cost_microusd)
            await Response(to_json(whole), media_type=JSON)(scope, receive, send)


class StreamedAnswer(Response):
    """Server-sent events. `tells_usage`: the last chunk says what was used."""

    media_type = "text/event-stream"

    def __init__(self, asking: Asking, *, tells_usage: bool) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._asking = asking
        self._tells_usage = tells_usage
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        listener = Listener()
        async with _attended(self._asking, receive, listener) as (calling, leaving):
            while not (calling.done() or leaving.done()):
                has_news = await listener.wait(KEEP_ALIVE_S)
                if calling.done() or leaving.done():
                    break
                if text := listener.take():
                    await self._send(send, outbound.piece(self._asking.frame, text))
                elif not has_news:
                    await self._send(send)
            if calling.done():
                await self._end(send, calling, listener)

    async def _end(self, send: Send, calling: asyncio.Task[Called], listener: Listener) -> None:
        """Send what is left, or what went wrong. Raises that where nothing was sent yet."""
        frame = self._asking.frame
        try:
            called = calling.result()
        except EzError as error:
            if not self._has_begun:
                raise
            await send(_body(_event(refusal_of(error).body())))
        else:
            text = listener.take()
            chunks = [outbound.piece(frame, text)] if text else []
            chunks += outbound.closing(frame, called.reply, called.cost_microusd)
            if self._tells_usage:
                chunks.append(outbound.used(frame, called.reply))
            await self._send(send, *chunks)
            await send(_body(_event(outbound.DONE)))
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, send: Send, *chunks: object) -> None:
        """Send chunks, a comment where there are none; before the first ones, the head."""
        if not self._has_begun:
            self._has_begun = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            chunks = (outbound.opening(self._asking.frame), *chunks)
        await send(_body(b"".join(_event(to_json(chunk)) for chunk in chunks) or b":\n\n"))


@asynccontextmanager
async def _attended(
    asking: Asking, receive: Receive, listener: Listener | None = None
) -> AsyncIterator[tuple[asyncio.Task[Called], asyncio.Task[None]]]:
    """The call, and the reader's leaving, each as a task; neither outlives the block."""
    calling = asyncio.create_task(asking.call(listener))
    leaving = asyncio.create_task(_left_or_shut_out(asking, receive))
    wake: Callable[[object], None] = listener.wake if listener else _nobody
    calling.add_done_callback(wake)
    leaving.add_done_callback(wake)
    try:
        yield calling, leaving
    finally:
        for task in (calling, leaving):
            task.cancel()
        await asyncio.gather(calling, leaving, return_exceptions=True)


async def _left_or_shut_out(asking: Asking, receive: Receive) -> None:
    """Wait until whoever asked has gone, or may not be here any more."""
    leaving = asyncio.create_task(left(receive, "http.disconnect"))
    try:
        while not leaving.done():
            await asyncio.wait({leaving}, timeout=WELCOME_EVERY_S)
            if not leaving.done() and not asking.is_welcome():
                return
    finally:
        leaving.cancel()


def _nobody(_task: object) -> None:
    """Nobody waits for text."""


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _body(data: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": True}
