"""The one HTTP client. Job: send, give the answer piece by piece, hold every deadline and bound. Not its job: meaning.

Made on the first call: one connection pool and one TLS context for the whole process. Redirects are not followed,
HTTP/2 is off. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE ...), as with any program;
this machine is always spoken to directly. An answer that is left before its end closes its connection, so that the
provider stops.

Errors of httpx2 are not kept as causes: they hold the request, and with it the key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ezaigents.policy import clip_bytes
from ezaigents.providers.errors import CallFailed, FailureKind
from ezaigents.settings import Settings

if TYPE_CHECKING:
    import httpx2

_T = TypeVar("_T")
ANSWER_MOST_BYTES = 64 * 1024 * 1024
"""After decompression. 128,000 tokens, each in an event of its own, are about 40 MB."""
FAILURE_MOST_BYTES = 64 * 1024
"""Of an answer that is no success only so much is read."""
_CONNECTIONS_MOST = 1000
_IDLE_MOST = 20
_IDLE_S = 15.0
_WORDS_MOST_BYTES = 200
_DIRECT = ("all://localhost", "all://127.0.0.1", "all://[::1]")
_CHATTY = ("httpx2", "httpcore2")
"""Loggers that write down addresses and the headers of answers, which may repeat a key."""
_SENDING = ("http11.send_request_body.started", "http2.send_request_body.started")


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long each part of a call may take, in seconds. `between_bytes_s`: an answer standing still."""

    connect_s: float
    first_byte_s: float
    between_bytes_s: float
    call_s: float

    @classmethod
    def of(cls, settings: Settings) -> Deadlines:
        """Those of the settings."""
        return cls(
            connect_s=settings.model_connect_s,
            first_byte_s=settings.model_first_byte_s,
            between_bytes_s=settings.model_between_bytes_s,
            call_s=settings.model_call_s,
        )


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent. Its repr shows neither headers nor body: a key is in the one, the user's files in the other."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Post of {len(self.body)} bytes>"


class Sending:
    """How far a call came. `begun`: the provider may have got it, so it may be billed."""

    __slots__ = ("begun", "first_byte_by_s")

    def __init__(self) -> None:
        self.begun = False
        self.first_byte_by_s = 0.0


class Answer:
    """An answer whose head is there. `headers`: names in lower case."""

    def __init__(self, response: httpx2.Response, clock: _Clock) -> None:
        self.status = response.status_code
        self.headers: dict[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._clock = clock

    async def pieces(self, most_bytes: int = ANSWER_MOST_BYTES) -> AsyncGenerator[bytes, None]:
        """The body, decompressed, piece by piece. Raises CallFailed when it is late, breaks off or is too large."""
        total = 0
        pieces = self._response.aiter_bytes()
        try:
            while (piece := await self._clock.body(_next(pieces))) is not None:
                total += len(piece)
                if total > most_bytes:
                    raise _broken(f"the answer is larger than {most_bytes:,} bytes")
                yield piece
        finally:
            await pieces.aclose()

    async def whole(self) -> bytes:
        """The body of an answer that is not streamed."""
        return b"".join([piece async for piece in self.pieces()])

    async def failure(self) -> bytes:
        """The beginning of the body of an answer that is no success; what of it came, when the rest does not."""
        found = bytearray()
        with suppress(CallFailed):
            async for piece in self.pieces(FAILURE_MOST_BYTES):
                found += piece
        return bytes(found)


class Client:
    """Sends calls. Any number at once; `close` when no more will come."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._http: httpx2.AsyncClient | None = None

    @property
    def is_open(self) -> bool:
        """Whether a call was ever made: the client and its TLS context are there."""
        return self._http is not None

    @asynccontextmanager
    async def send(self, post: Post, sending: Sending) -> AsyncIterator[Answer]:
        """Send, and give the answer; its connection is closed on leaving unless it was read to its end.

        Raises CallFailed: `unreachable` or `timeout`, which say what limit passed, `broken` when it broke off.
        """
        http = self._opened()  # before the clock begins: the first one loads the library
        clock = _Clock(self._deadlines, sending)
        request = http.build_request(
            "POST", post.url, content=post.body, headers={**post.headers, "accept-encoding": "identity"},
            extensions={"trace": clock.trace},
        )  # fmt: skip
        response = await clock.head(http.send(request, stream=True))
        try:
            yield Answer(response, clock)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    def _opened(self) -> httpx2.AsyncClient:
        if self._http is None:
            import httpx2

            for name in _CHATTY:
                logging.getLogger(name).setLevel(logging.WARNING)
            limits = httpx2.Limits(
                max_connections=_CONNECTIONS_MOST, max_keepalive_connections=_IDLE_MOST, keepalive_expiry=_IDLE_S
            )
            self._http = httpx2.AsyncClient(
                timeout=httpx2.Timeout(None, connect=self._deadlines.connect_s),
                limits=limits,
                http2=False,
                verify=httpx2.create_ssl_context(),  # made here, so that proxies share it
                follow_redirects=False,
                trust_env=True,
                mounts=dict.fromkeys(_DIRECT),
            )
        return self._http


class _Clock:
    """The deadlines of one call, and httpx2's errors in our words."""

    def __init__(self, deadlines: Deadlines, sending: Sending) -> None:
        self._deadlines = deadlines
        self._sending = sending
        self._loop = asyncio.get_running_loop()
        self._ends_s = self._loop.time() + deadlines.call_s
        self._limit: asyncio.Timeout | None = None
        self._saw_body = False

    async def trace(self, event: str, _facts: Mapping[str, Any]) -> None:
        """Told by httpx2 how far it is. Once the body goes out the call may be billed, and an answer is due."""
        if event in _SENDING:
            self._sending.begun = True
            self._sending.first_byte_by_s = self._loop.time() + self._deadlines.first_byte_s
            if self._limit is not None:
                self._limit.reschedule(min(self._ends_s, self._sending.first_byte_by_s))

    async def head(self, sent: Awaitable[_T]) -> _T:
        """Await the head of the answer."""
        return await self._within(sent, self._ends_s, "first byte", self._deadlines.first_byte_s)

    async def body(self, piece: Awaitable[_T]) -> _T:
        """Await a piece of the body."""
        if not self._saw_body:
            due_s, what, limit_s = self._sending.first_byte_by_s, "first byte", self._deadlines.first_byte_s
        else:
            limit_s = self._deadlines.between_bytes_s
            due_s, what = self._loop.time() + limit_s, "next byte"
        found = await self._within(piece, due_s, what, limit_s)
        self._saw_body = True
        return found

    async def _within(self, step: Awaitable[_T], due_s: float, what: str, limit_s: float) -> _T:
        import httpx2

        try:
            async with asyncio.timeout_at(min(due_s, self._ends_s)) as self._limit:
                return await step
        except TimeoutError:
            raise self._late(what, limit_s) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise self._translated(error) from None
        finally:
            self._limit = None

    def _late(self, what: str, limit_s: float) -> CallFailed:
        if self._loop.time() >= self._ends_s:
            words = f"the call took longer than {self._deadlines.call_s:g} s in all (model_call_s)"
        else:
            setting = "model_first_byte_s" if what == "first byte" else "model_between_bytes_s"
            words = f"the {what} of the answer did not come within {limit_s:g} s ({setting})"
        return CallFailed(FailureKind.TIMEOUT, words, may_be_billed=self._sending.begun)

    def _translated(self, error: Exception) -> CallFailed:
        import httpx2

        said = clip_bytes(str(error) or type(error).__name__, _WORDS_MOST_BYTES)
        begun = self._sending.begun
        if isinstance(error, httpx2.ConnectTimeout):
            words = f"no connection within {self._deadlines.connect_s:g} s (model_connect_s)"
            return CallFailed(FailureKind.UNREACHABLE, words, may_be_billed=begun)
        if not begun:
            return CallFailed(FailureKind.UNREACHABLE, f"no connection: {said}")
        return _broken(f"the answer broke off: {said}")


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


def _broken(words: str) -> CallFailed:
    return CallFailed(FailureKind.BROKEN, words, may_be_billed=True)
