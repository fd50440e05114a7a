"""ONE connection to the engine for a whole process: every call of every agent goes through it, in order.

Job: pipelining (the calls of one turn of the event loop leave in two writes, so they share an fsync), push messages,
deadlines, reconnecting. A caller that is cancelled only stops listening: its reply is read and dropped, the
connection stays in step, and the outcome of its call is unknown. Not its job: deciding what to repeat (queue).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self, cast

import hiredis

from ezaigents.engine.address import Address, login_commands, tls_context
from ezaigents.engine.blocking import NOT_YET, Arg, Reply, new_reader, pack, refusal_of
from ezaigents.errors import EngineDown

Hearer = Callable[[str, str], None]
INVALIDATED = "__redis__:invalidate"
"""The channel on which a connection that asked for CLIENT TRACKING hears which keys changed; "" = any of them may."""
_RECONNECT_FIRST_S = 0.01
_RECONNECT_CAP_S = 1.0


class Meter:
    """Bytes that a connection has sent and heard, over all its lives."""

    __slots__ = ("heard_bytes", "sent_bytes")

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.heard_bytes = 0


class _Session(asyncio.Protocol):
    """One life of the socket: the replies it owes, in order."""

    def __init__(self, on_heard: Hearer, on_end: Callable[[_Session, str], None], meter: Meter) -> None:
        self._on_heard = on_heard
        self._on_end = on_end
        self._meter = meter
        self._reader = new_reader()
        self._outgoing: list[bytes] = []
        self._turn_open = False
        self.transport: asyncio.Transport | None = None
        self.waiting: deque[tuple[asyncio.Future[Reply], float, bool]] = deque()
        self.refused: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._meter.heard_bytes += len(data)
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not NOT_YET:
                self._deliver(reply)
        except hiredis.ProtocolError as error:
            self.drop(f"what answers is not an engine ({error})")

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(str(exc) if exc else "connection closed by the engine")

    def _deliver(self, reply: Reply) -> None:
        if isinstance(reply, hiredis.PushNotification):
            if reply[0] in (b"message", b"pmessage"):
                self._on_heard(reply[-2].decode(), reply[-1].decode("utf-8", "replace"))
            elif reply[0] == b"invalidate":
                for key in reply[1] or (b"",):
                    self._on_heard(INVALIDATED, key.decode("utf-8", "replace"))
        elif self.waiting:
            if self.waiting[0][2] and isinstance(reply, hiredis.ReplyError):
                # A refused SUBSCRIBE is the one answer that comes besides those the calls expect: behind it is
                # still the reply of the ECHO that was sent to wait for it.
                self.refused = refusal_of(reply)
                return
            future, _, _ = self.waiting.popleft()
            if future.done():
                return
            if isinstance(reply, hiredis.ReplyError):
                future.set_exception(refusal_of(reply))
            else:
                future.set_result(reply)

    def write(self, packed: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """Send the first call of a turn of the loop at once, so that the engine works while we do; gather the rest."""
        self._meter.sent_bytes += len(packed)
        if self._turn_open:
            self._outgoing.append(packed)
            return
        self._turn_open = True
        loop.call_soon(self._flush)
        if self.transport is not None:
            self.transport.write(packed)

    def _flush(self) -> None:
        self._turn_open = False
        if self._outgoing and self.transport is not None:
            self.transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def drop(self, why: str) -> None:
        """End this life: every reply it owes becomes EngineDown (outcome unknown)."""
        if self.transport is not None:
            self.transport.abort()
            self.transport = None
            self._on_end(self, why)
        for future, _, _ in self.waiting:
            if not future.done():
                future.set_exception(EngineDown(f"the engine stopped answering: {why}"))
        self.waiting.clear()


class Connection:
    """The shared, self-restoring connection. `async with Connection(...)` opens and closes it.

    `on_heard(channel, text)` gets what is published on the channels listened to, in the event loop; it must not block.
    `on_restored()` is called after each reconnection, when it listens again.
    `timeout_s`: the oldest unanswered call may wait this long, then the connection is dropped and made anew.
    """

    def __init__(
        self,
        address: Address,
        *,
        on_heard: Hearer | None = None,
        on_restored: Callable[[], None] | None = None,
        timeout_s: float = 15.0,
        client_name: str = "ez",
    ) -> None:
        self.address = address
        self.meter = Meter()
        self._on_heard = on_heard or (lambda channel, text: None)
        self._on_restored = on_restored or (lambda: None)
        self._timeout_s = timeout_s
        self._client_name = client_name
        self._listening: list[tuple[str, str]] = []
        self._session: _Session | None = None
        self._up = asyncio.Event()
        self._closed = False
        self._restoring: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._why_down = "not connected yet"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        """True while calls can be sent."""
        return self._up.is_set() and not self._closed

    async def open(self) -> None:
        """Connect and log in. Raises EngineDown, or EngineRefusal when the login is refused."""
        await self._connect()

    async def close(self) -> None:
        """Close for good; pending and later calls get EngineDown."""
        self._closed = True
        if self._restoring is not None:
            self._restoring.cancel()
            await asyncio.gather(self._restoring, return_exceptions=True)
        if self._deadline is not None:
            self._deadline.cancel()
        if self._session is not None:
            self._session.drop("this connection was closed")
        self._up.set()  # so that nobody waits for what will not come

    def send(self, *args: Arg) -> asyncio.Future[Reply]:
        """Send one command now; the future gets its reply. Raises EngineDown at once while not connected."""
        session = self._session
        if session is None or not self._up.is_set():
            raise EngineDown(f"no engine answers at {self.address}: {self._why_down}")
        return self._send_on(session, args)

    async def call(self, *args: Arg) -> Reply:
        """Send one command and wait for its reply."""
        return await self.send(*args)

    async def wait_up(self, timeout_s: float) -> None:
        """Wait until connected. Raises EngineDown after `timeout_s`, or when the connection is closed for good."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            raise EngineDown(f"no engine answers at {self.address} for {timeout_s:g} s: {self._why_down}") from None
        if self._closed:
            raise EngineDown(f"the connection to {self.address} was closed")

    async def listen(self, *, channel: str = "", pattern: str = "") -> None:
        """Receive what is published on one channel, or on those that match; stands again after a reconnection.

        Raises EngineRefusal when the engine's user may not listen there, EngineDown.
        """
        command = ("SUBSCRIBE", channel) if channel else ("PSUBSCRIBE", pattern)
        session = self._session
        if session is None or not self._up.is_set():
            raise EngineDown(f"no engine answers at {self.address}: {self._why_down}")
        await self._listen_on(session, command)
        self._listening.append(command)

    async def _listen_on(self, session: _Session, command: tuple[str, str]) -> None:
        """A subscription has no reply of its own: an ECHO behind it tells that it stands, or was refused."""
        session.write(pack(command), asyncio.get_running_loop())
        await self._send_on(session, ("ECHO", "listening"), behind_subscription=True)
        if session.refused is not None:
            refused, session.refused = session.refused, None
            raise refused

    def _send_on(
        self, session: _Session, args: tuple[Arg, ...], *, behind_subscription: bool = False
    ) -> asyncio.Future[Reply]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        session.waiting.append((future, loop.time() + self._timeout_s, behind_subscription))
        session.write(pack(args), loop)
        if self._deadline is None:
            self._deadline = loop.call_later(self._timeout_s, self._check_deadline)
        return future

    def _check_deadline(self) -> None:
        """One timer for all calls: replies come in order, so only the oldest can be late first."""
        self._deadline = None
        session = self._session
        if session is None or not session.waiting:
            return
        loop = asyncio.get_running_loop()
        late_in_s = session.waiting[0][1] - loop.time()
        if late_in_s <= 0:
            session.drop(f"no reply for {self._timeout_s:g} s")
        else:
            self._deadline = loop.call_later(late_in_s, self._check_deadline)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        session = _Session(self._on_heard, self._ended, self.meter)
        address = self.address
        try:
            async with asyncio.timeout(self._timeout_s):
                if address.path:
                    await loop.create_unix_connection(lambda: session, address.path)
                else:
                    tls = tls_context(address)
                    await loop.create_connection(lambda: session, address.host, address.port, ssl=tls)
                self._session = session
                for command in login_commands(address, self._client_name):
                    await self._send_on(session, command)
                for listening in self._listening:
                    await self._listen_on(session, listening)
        except (OSError, TimeoutError) as error:
            raise EngineDown(f"no engine answers at {address}: {error}") from error
        except BaseException:
            session.drop("login failed")
            raise
        self._up.set()

    def _ended(self, session: _Session, why: str) -> None:
        if session is not self._session:
            return
        was_up = self._up.is_set()
        self._session = None
        self._up.clear()
        self._why_down = why
        if was_up and not self._closed:
            self._restoring = asyncio.ensure_future(self._restore())

    async def _restore(self) -> None:
        pause_s = _RECONNECT_FIRST_S
        while not self._closed:
            try:
                await self._connect()
            except Exception as error:  # noqa: BLE001 - whatever refuses today may be mended tomorrow
                self._why_down = str(error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _RECONNECT_CAP_S)
            else:
                self._on_restored()
                return
