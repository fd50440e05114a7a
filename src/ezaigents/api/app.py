"""The site put together. Job: the table of routes, the router, the gate around all of it. Not its job: any answer.

Everything that answers is in the table; a test walks it, and asks each route without a token.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router, WebSocketRoute
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ezaigents.api.chat.errors import is_openai, refusal_of
from ezaigents.api.failing import problem, problem_of, told
from ezaigents.api.gate import Gate, TooLarge
from ezaigents.api.route import Route, RouteTable
from ezaigents.api.routes import ROUTES
from ezaigents.api.routes.events import socket
from ezaigents.api.services import Services
from ezaigents.api.site import Site
from ezaigents.errors import EzError
from ezaigents.home import home_id

SOCKET = "/ws"
_FORESEEN = (EzError, HTTPException, TooLarge, ClientDisconnect)
_log = logging.getLogger(__name__)


def make_app(services: Services, site: Site, routes: Sequence[Route] = ROUTES) -> ASGIApp:
    """The whole site of a fleet, gate and all."""
    cookie = cookie_name(services)
    app = _App(routes, services, cookie)
    return Gate(app, site, RouteTable(routes), services.access, cookie, services.guesses)


class _App:
    """The routes, and what their errors become: what Starlette's own application does, at a tenth of its weight."""

    def __init__(self, routes: Sequence[Route], services: Services, cookie: str) -> None:
        self._router = Router(_routes(routes), redirect_slashes=False)
        self.state = State({"services": services, "cookie": cookie})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._router(scope, receive, sending)
        except Exception as error:
            if has_begun or scope["type"] != "http":
                raise
            request = Request(scope)
            await _answer_to(request, error)(scope, receive, send)
            if not isinstance(error, _FORESEEN):
                _log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
                raise  # the server says where


def cookie_name(services: Services) -> str:
    """What a session's cookie is called; browsers send a cookie to every port of a host."""
    return f"ez-{home_id(services.settings.home_path)}"


def _routes(routes: Sequence[Route]) -> list[BaseRoute]:
    found: list[BaseRoute] = [HttpRoute(route.path, route.endpoint, methods=[route.method]) for route in routes]
    return [*found, WebSocketRoute(SOCKET, socket)]


def _answer_to(request: Request, error: Exception) -> Response:
    match error:
        case EzError() if is_openai(request.url.path):
            refusal = refusal_of(error)
            return Response(refusal.body(), refusal.status, refusal.headers, "application/json")
        case EzError():
            return _told(request, *problem_of(error))
        case HTTPException():
            return _told(request, error.status_code, problem(error.status_code, error.detail), error.headers)
        case TooLarge():
            return _told(request, 413, problem(413, str(error)), {"connection": "close"})
        case ClientDisconnect():
            return Response(status_code=400)  # nobody reads it
        case _:
            return _told(request, 500, problem(500, "something went wrong here; the host's log says what"))


def _told(request: Request, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return told(request.url.path, request.headers.get("accept", ""), status, body, headers)
