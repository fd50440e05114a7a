"""The acceptor: who has connected and said nothing yet. Job: hold few of them, briefly, at the cost of a file each.

Only who says something gets a protocol, or a TLS handshake, which take a hundred times as much. Few are let in at a
time, so that a crowd takes neither the files of the host nor the place of one who has asked already.
Not its job: what they say (wire).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable

from ezaigents.api import wire

_AT_ONCE = 4
"""Let in before those who are in are heard: whoever shows a token then is no stranger any more."""
SILENT_MOST = 64
"""Connections that have said nothing yet; where there are more, the one that has been silent longest goes, or is waited
for a moment: a program that opens many at once speaks when all are open."""
_ENTERING_MOST = 64
"""TLS handshakes under way."""
_AGAIN_S = 0.2
"""There is no file left for another connection: they wait in the socket."""


class Acceptor:
    """In front of one listening socket. `make`: the protocol of one connection."""

    def __init__(
        self, listening: socket.socket, make: Callable[[], asyncio.Protocol], secured: ssl.SSLContext | None
    ) -> None:
        self._listening = listening
        self._make = make
        self._secured = secured
        self._silent: OrderedDict[socket.socket, asyncio.TimerHandle] = OrderedDict()
        self._entering: OrderedDict[asyncio.Task[None], None] = OrderedDict()
        self._again: asyncio.TimerHandle | None = None
        self._is_full = False

    def open(self) -> None:
        """Let people come, within the running loop."""
        self._is_full = False
        asyncio.get_running_loop().add_reader(self._listening.fileno(), self._let_in)

    async def close(self) -> None:
        """Let nobody come any more, and send away who has said nothing."""
        self._is_full = False
        if self._again is not None:
            self._again.cancel()
        asyncio.get_running_loop().remove_reader(self._listening.fileno())
        self._listening.close()
        for one in list(self._silent):
            self._send_away(one)
        await asyncio.sleep(0)  # each has begun, and closes what it holds
        for task in self._entering:
            task.cancel()
        await asyncio.gather(*self._entering, return_exceptions=True)

    def _let_in(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_AT_ONCE):
            try:
                one, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError:
                self._wait(_AGAIN_S)
                return
            one.setblocking(False)
            self._silent[one] = loop.call_later(wire.HEAD_S, self._send_away, one)
            loop.add_reader(one.fileno(), self._hear, one)
            if len(self._silent) > SILENT_MOST:
                oldest, end = next(iter(self._silent.items()))
                silent_s = wire.HEAD_S - (end.when() - loop.time())
                if silent_s < wire.PATIENCE_S:
                    self._wait(wire.PATIENCE_S - silent_s)
                    self._is_full = True
                    return
                self._send_away(oldest)

    def _wait(self, for_s: float) -> None:
        """Let nobody in for a while: they wait in the socket."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listening.fileno())
        self._again = loop.call_later(for_s, self.open)

    def _forget(self, one: socket.socket) -> None:
        self._silent.pop(one).cancel()
        asyncio.get_running_loop().remove_reader(one.fileno())
        if self._is_full and self._again is not None:  # there is room again
            self._again.cancel()
            self.open()

    def _send_away(self, one: socket.socket) -> None:
        self._forget(one)
        one.close()

    def _hear(self, one: socket.socket) -> None:
        self._forget(one)
        task = asyncio.get_running_loop().create_task(self._bring_in(one))
        self._entering[task] = None
        task.add_done_callback(lambda task: self._entered(task, one))
        if len(self._entering) > _ENTERING_MOST:
            next(iter(self._entering)).cancel()

    def _entered(self, task: asyncio.Task[None], one: socket.socket) -> None:
        self._entering.pop(task, None)
        if task.cancelled():  # perhaps before it had begun
            one.close()

    async def _bring_in(self, one: socket.socket) -> None:
        limit_s = wire.HEAD_S if self._secured else None
        with contextlib.suppress(OSError):  # a handshake that was none, or took too long
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make, one, ssl=self._secured, ssl_handshake_timeout=limit_s
            )
