"""The site while it serves. Job: uvicorn in the host's own loop, and the client it asks. Not its job: routes (app).

uvicorn's main loop wakes ten times a second to see whether it should end. Here nothing waits like that: the server is
started and stopped by whoever owns it, and costs nothing while nobody asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from uvicorn.config import Config
from uvicorn.server import Server

from ezaigents.access import Access
from ezaigents.api.acceptor import Acceptor
from ezaigents.api.app import make_app
from ezaigents.api.route import Route
from ezaigents.api.routes import ROUTES
from ezaigents.api.services import Services
from ezaigents.api.site import Site
from ezaigents.api.wire import BoundedProtocol, websocket_protocol
from ezaigents.client import Client
from ezaigents.settings import Settings

if TYPE_CHECKING:
    from ezaigents.api.chat.calls import Lend

_log = logging.getLogger(__name__)
_KEEP_ALIVE_S = 75
_STOP_S = 1
_PATIENCE_S = 10.0
"""An engine that was killed is back in one; whoever asks over HTTP is told after this to come again."""
_MESSAGE_MOST_BYTES = 64 * 1024
_SWITCH_S = 0.001
"""So long a thread that makes a page keeps the loop waiting each time the loop has let go, which it does at every write
to a listener: with the interpreter's 5 ms, one page held up ten listeners for 50."""


class Serving:
    """The site of one host, on one port. `lend`: gives what the host lends to its site, None = nothing."""

    def __init__(
        self, settings: Settings, port: int, lend: Lend | None = None, routes: Sequence[Route] = ROUTES
    ) -> None:
        self._settings = settings
        self._port = port
        self._lend = lend
        self._routes = routes
        self._leaving = contextlib.AsyncExitStack()

    async def start(self, listening: socket.socket) -> None:
        """Answer on a socket that listens already. Raises NotRunning, EngineDown, ConfigError."""
        settings = self._settings
        self._leaving.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(_SWITCH_S)
        client = await self._leaving.enter_async_context(
            Client.connect(settings, need_host=False, patience_s=_PATIENCE_S)
        )
        access = Access(settings.home_path)
        await asyncio.to_thread(access.own_token)
        services = Services(settings, client, access, self._lend)
        config = Config(
            make_app(services, Site.of(settings, self._port), self._routes),
            http=BoundedProtocol,
            ws=websocket_protocol,  # type: ignore[arg-type]  # called like a class
            ws_max_size=_MESSAGE_MOST_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_STOP_S,
            interface="asgi3",
            ssl_certfile=settings.tls_cert or None,
            ssl_keyfile=settings.tls_key or None,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what clients do wrong is theirs to see
        config.load()
        server = Server(config)
        server.lifespan = config.lifespan_class(config)
        server.servers = []
        acceptor = Acceptor(listening, lambda: BoundedProtocol(config, server.server_state, {}), config.ssl)
        acceptor.open()
        self._leaving.push_async_callback(server.shutdown)
        self._leaving.push_async_callback(acceptor.close)
        self._leaving.push_async_callback(services.close)

    async def stop(self) -> None:
        """End streams, let answers end, and close."""
        await self._leaving.aclose()
