"""One blocking connection to an engine: for threads, readiness and checks. Not its job: reconnecting, pipelines.

The RESP parser is hiredis; docs/decisions/0003-engine-client.md has the figures behind that choice.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Any, Self

import hiredis

from ezaigents.engine.address import Address, login_commands, tls_context
from ezaigents.errors import EngineDown, EngineFull, EzError

Arg = bytes | str | int | float
Reply = Any
"""What hiredis gives: bytes, int, float, bool, None, list, or dict (a RESP3 map)."""

NOT_YET = object()
"""What `new_reader().gets()` gives while a reply is incomplete (hiredis's own default, False, is also a reply)."""


def new_reader() -> hiredis.Reader:
    """A parser that tells an incomplete reply (NOT_YET) from every complete one."""
    return hiredis.Reader(notEnoughData=NOT_YET)


class EngineRefusal(EzError):
    """The engine answered with an error. `code` is its first word, such as ERR, NOSCRIPT, WRONGTYPE."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message.split(" ", 1)[0]


def refusal_of(reply: hiredis.ReplyError) -> EzError:
    """Translate an error reply: a full engine and one that is loading are for a later try, the rest is not."""
    text = str(reply)
    code = text.split(" ", 1)[0]
    if code in ("OOM", "MISCONF"):
        return EngineFull(f"the engine refuses writes: {text}")
    if code in ("LOADING", "BUSY", "MASTERDOWN", "READONLY", "TRYAGAIN", "CLUSTERDOWN"):
        return EngineDown(f"the engine is not ready: {text}")
    return EngineRefusal(text)


def pack(args: tuple[Arg, ...]) -> bytes:
    """Encode one command as RESP."""
    packed: bytes = hiredis.pack_command(args)  # type: ignore[arg-type]  # its stub means a tuple of one
    return packed


def open_socket(address: Address, timeout_s: float) -> socket.socket:
    """Connect. Raises EngineDown naming the address (without its password)."""
    try:
        if address.path:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(timeout_s)
            try:
                sock.connect(address.path)
            except BaseException:
                sock.close()
                raise
            return sock
        plain = socket.create_connection((address.host, address.port), timeout=timeout_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = tls_context(address)
        return plain if context is None else context.wrap_socket(plain, server_hostname=address.host)
    except OSError as error:
        raise EngineDown(f"no engine answers at {address}: {error.strerror or error}") from error


class BlockingConnection:
    """A connection for one thread. Every call waits at most `timeout_s`, then raises EngineDown.

    After EngineDown the connection is closed; the outcome of the call is unknown.
    """

    def __init__(self, address: Address, *, timeout_s: float = 5.0, client_name: str = "ez") -> None:
        self._address = address
        self._socket: socket.socket | None = open_socket(address, timeout_s)
        self._reader = new_reader()
        try:
            for command in login_commands(address, client_name):
                self.call(*command)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close; calls after this raise EngineDown."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def call(self, *args: Arg) -> Reply:
        """Send one command and return its reply; an error reply raises (see `refusal_of`)."""
        if self._socket is None:
            raise EngineDown(f"the connection to {self._address} is closed")
        try:
            self._socket.sendall(pack(args))
            reply = self._receive(self._socket)
        except (OSError, hiredis.ProtocolError) as error:
            self.close()
            raise EngineDown(f"the engine at {self._address} stopped answering: {error}") from error
        if isinstance(reply, hiredis.ReplyError):
            raise refusal_of(reply)
        return reply

    def _receive(self, sock: socket.socket) -> Reply:
        while True:
            reply = self._reader.gets()
            if isinstance(reply, hiredis.PushNotification):
                continue
            if reply is not NOT_YET:
                return reply
            data = sock.recv(65536)
            if not data:
                raise OSError("connection closed by the engine")
            self._reader.feed(data)
