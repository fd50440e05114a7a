"""Connections that cannot take what is not theirs. Job: bounds on number, time and size beneath uvicorn's protocol.

uvicorn leaves all of it to a proxy; here there is none. Not its job: who asks for what (gate).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import cache
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ezaigents.api.guards import bad_request

CONNECTIONS_MOST = 1000
STRANGERS_MOST = 32
"""Connections that have shown no valid token; where there are more, the one that has been silent longest goes."""
PATIENCE_S = 0.25
"""None of them goes sooner, for a program may open many at once, unless there are `CROWD_MOST`."""
CROWD_MOST = 128
HEAD_S = 10.0
STRANGER_RESTS_S = 5
"""Between two requests of who has shown no valid token; for others it is what uvicorn is told (serving)."""
BODY_S = 30.0
MESSAGE_MOST_BYTES = 2 * 1024 * 1024
"""A body, with all that comes between and after its pieces; what is read of a body is less (gate)."""
HEAD_MOST_BYTES = 32 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """`known`: it has shown a valid token, or session, once."""

    _strangers: ClassVar[OrderedDict[BoundedProtocol, float]] = OrderedDict()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known = False
        self._head_bytes = 0
        self._in_head = True
        self._deadline: asyncio.TimerHandle | None = None
        self._rests = False
        self._message_bytes = 0
        self.timeout_keep_alive = min(STRANGER_RESTS_S, self.config.timeout_keep_alive)

    def know(self) -> None:
        """It belongs to somebody who may be here."""
        if not self._known:
            self._known = True
            self.timeout_keep_alive = self.config.timeout_keep_alive
            self._strangers.pop(self, None)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MOST:
            transport.abort()
            return
        self._strangers[self] = self.loop.time()
        self._send_strangers_away()
        self._allow(HEAD_S)

    def _send_strangers_away(self) -> None:
        while len(self._strangers) > STRANGERS_MOST:
            longest, since_s = next(iter(self._strangers.items()))
            if self.loop.time() - since_s < PATIENCE_S and len(self._strangers) <= CROWD_MOST:
                self.loop.call_later(PATIENCE_S, self._send_strangers_away)
                return
            del self._strangers[longest]
            longest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._strangers.pop(self, None)
        self._allow(0)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None or self._rests:
                self._allow(HEAD_S)
        else:
            self._message_bytes += len(data)
        super().data_received(data)
        too_much = (self._in_head and self._head_bytes > HEAD_MOST_BYTES) or self._message_bytes > MESSAGE_MOST_BYTES
        if too_much and not self.transport.is_closing():
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self.scope["state"]["line"] = self

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # what comes behind a body is passed over
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = self._message_bytes = 0
        self._allow(BODY_S)
        if self in self._strangers:
            self._strangers.move_to_end(self)
            self._strangers[self] = self.loop.time()
        if not self.url.startswith(b"/"):  # a whole address: the name in it counts, not that in Host
            name = self.url.partition(b"://")[2].partition(b"/")[0]
            self.headers[:] = [*(pair for pair in self.headers if pair[0] != b"host"), (b"host", name)]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._allow(0)
        self._in_head = True
        self._message_bytes = 0
        super().on_message_complete()
        if (
            self.cycle is not None and self.cycle.response_complete
        ):  # answered before all of it came: from here on it rests like any other
            self._allow(self.timeout_keep_alive)
            self._rests = True

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()  # in the middle of an answer there is no place for another one
            return
        self.transport.write(bad_request())
        self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        self._allow(0)
        self._strangers.pop(self, None)
        super().handle_websocket_upgrade()

    def _allow(self, seconds: float) -> None:
        """From now on it has so long; 0 = as long as it likes."""
        self._rests = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if seconds:
            self._deadline = self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        self._deadline = None
        self.transport.abort()


def websocket_protocol(**options: Any) -> asyncio.Protocol:
    """Make the protocol of an upgraded connection; its libraries are loaded at the first one."""
    protocol: asyncio.Protocol = _websocket()(**options)
    return protocol


@cache
def _websocket() -> type[asyncio.Protocol]:
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
    from wsproto.utilities import RemoteProtocolError

    class GuardedWebSocket(WSProtocol):
        """Answers what is no handshake as what is no request is answered."""

        def data_received(self, data: bytes) -> None:
            if hasattr(self, "scope"):
                super().data_received(data)
                return
            try:
                self.conn.receive_data(data)
            except RemoteProtocolError:
                self.transport.write(bad_request())
                self.transport.close()
            else:
                self.handle_events()

    return GuardedWebSocket
