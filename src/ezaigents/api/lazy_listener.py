"""The socket that waits for the first visitor. Job: bind, listen, and start the site when somebody comes.

A fleet that nobody looks at has none of the site's libraries in its memory: they are loaded at the first connection,
which waits in the socket's queue meanwhile. Not its job: HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from ezaigents.errors import ConfigError
from ezaigents.settings import DEFAULT_PORT, Settings

if TYPE_CHECKING:
    from ezaigents.api.chat.calls import Lend
    from ezaigents.api.serving import Serving

Load = Callable[[], "Callable[[Settings, int, Lend | None], Serving]"]
"""Loads what a site needs, at the first connection, and returns what makes it."""
_log = logging.getLogger(__name__)
_BACKLOG = 256
_HEARD_BYTES = 65_536
_NEXT_PORTS = 20
"""So many ports after the usual one are tried, for a fleet of another workspace may have that."""


class LazyListener:
    """A listening socket of this process. `port`: where it listens."""

    def __init__(self, settings: Settings, listening: socket.socket, load: Load) -> None:
        self._settings = settings
        self._load = load
        self._socket = listening
        self.port: int = listening.getsockname()[1]
        self._opening: asyncio.Task[Serving] | None = None
        self._closed = False
        self._lend: Lend | None = None

    def open(self, lend: Lend | None = None) -> None:
        """Wait, within the running loop, for the first visitor. `lend`: gives what the host lends, None = nothing."""
        self._lend = lend
        self._listen()

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._knocked)

    async def close(self) -> None:
        """Let nobody in any more, and let those who are in go."""
        self._closed = True
        with contextlib.suppress(ValueError):
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        if self._opening is not None:
            with contextlib.suppress(Exception):
                serving = await self._opening
                await serving.stop()
        self._socket.close()

    def _knocked(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket.fileno())
        self._opening = loop.create_task(self._start())
        self._opening.add_done_callback(self._started)

    async def _start(self) -> Serving:
        serving = (await asyncio.to_thread(self._load))(self._settings, self.port, self._lend)
        try:
            await serving.start(self._socket)
        except BaseException:
            await serving.stop()
            raise
        return serving

    def _started(self, opening: asyncio.Task[Serving]) -> None:
        if not opening.cancelled() and (error := opening.exception()) is not None and not self._closed:
            _log.error("the dashboard could not be started: %s: %s", type(error).__name__, error)
            self._opening = None
            self._send_away()
            self._listen()

    def _send_away(self) -> None:
        """Tell whoever waits, and close: the next visitor finds out whether it can be started then."""
        words = b"" if self._settings.tls_cert else _words_for_now()  # nobody has shaken hands yet
        with contextlib.suppress(OSError):
            while True:
                visitor, _ = self._socket.accept()
                with visitor, contextlib.suppress(OSError):
                    visitor.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        visitor.recv(_HEARD_BYTES)  # what is left unread would cut off the answer
                    visitor.send(words)
                    visitor.shutdown(socket.SHUT_WR)


def _words_for_now() -> bytes:
    try:
        from ezaigents.api.guards import not_started
    except ImportError:  # perhaps that is why it could not be started
        return b""
    return not_started()


def load_api() -> Callable[[Settings, int, Lend | None], Serving]:
    """The API alone, without pages."""
    from ezaigents.api.lean import load_uvicorn

    load_uvicorn()
    from ezaigents.api.serving import Serving

    return Serving


def bind_listener(
    settings: Settings, load: Load = load_api, *, otherwise: str = ", or start without a dashboard: --no-dashboard"
) -> LazyListener:
    """Listen where the settings say. Raises ConfigError when it may not be, or the port is taken.

    `load`: what is loaded at the first connection. `otherwise`: what may be done besides naming another port. The
    usual port may be another workspace's: then one of the next is taken. One that was chosen is taken or refused.
    """
    _check_exposure(settings)
    ports = range(settings.port, settings.port + _NEXT_PORTS) if settings.port == DEFAULT_PORT else (settings.port,)
    family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
    error: OSError | None = None
    for port in ports:
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((settings.bind, port))
            listening.listen(_BACKLOG)
        except OSError as refused:
            listening.close()
            error = refused
        else:
            listening.setblocking(False)
            return LazyListener(settings, listening, load)
    raise ConfigError(
        f"port {settings.port} on {settings.bind} cannot be used: {error.strerror if error else 'no reason'}; "
        f"name another with --port{otherwise}"
    )


def _check_exposure(settings: Settings) -> None:
    """Whoever else can reach the machine must not be able to read along."""
    try:
        is_loopback = ipaddress.ip_address(settings.bind).is_loopback
    except ValueError:
        raise ConfigError(f"bind: takes an address of this machine, such as 127.0.0.1, not {settings.bind!r}") from None
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ConfigError("tls_cert and tls_key go together: name both files, or neither")
    if settings.tls_cert:
        _check_certificate(settings)
    if not is_loopback and not settings.tls_cert and "http://" in settings.behind_proxy:
        raise ConfigError("behind_proxy: a proxy that others can reach has to have TLS: name it with https://")
    if not is_loopback and not settings.tls_cert and not settings.behind_proxy:
        raise ConfigError(
            f"bind: {settings.bind} can be reached from other machines, and without TLS others could read the token; "
            "set tls_cert and tls_key, or behind_proxy to the address that your TLS proxy is reached at"
        )


def _check_certificate(settings: Settings) -> None:
    """Else the first visitor would find out."""
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:  # ssl's own errors are of this kind
        why = error.strerror or str(error)
        raise ConfigError(f"tls_cert {settings.tls_cert}, tls_key {settings.tls_key}: cannot be used: {why}") from error
