"""The site put together. Job: the table of routes, the router, the gate around all of it. Not its job: any answer.

Everything that answers is in the table; a test walks it, and asks each route without a token.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp

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
_log = logging.getLogger(__name__)


def make_app(services: Services, site: Site, routes: Sequence[Route] = ROUTES) -> ASGIApp:
    """The whole site of a fleet, gate and all."""
    app = Starlette(
        routes=_routes(routes),
        exception_handlers={
            EzError: _on_error,
            HTTPException: _on_refusal,
            TooLarge: _on_too_large,
            ClientDisconnect: _on_leaving,
            Exception: _on_surprise,
        },
    )
    app.router.redirect_slashes = False
    app.state.services = services
    app.state.cookie = cookie_name(services)
    return Gate(app, site, RouteTable(routes), services.access, app.state.cookie, services.guesses)


def cookie_name(services: Services) -> str:
    """What a session's cookie is called; browsers send a cookie to every port of a host."""
    return f"ez-{home_id(services.settings.home_path)}"


def _routes(routes: Sequence[Route]) -> list[BaseRoute]:
    found: list[BaseRoute] = [HttpRoute(route.path, route.endpoint, methods=[route.method]) for route in routes]
    return [*found, WebSocketRoute(SOCKET, socket)]


async def _on_error(request: Request, error: Any) -> Response:
    if is_openai(request.url.path):
        refusal = refusal_of(error)
        return Response(refusal.body(), refusal.status, refusal.headers, "application/json")
    return _told(request, *problem_of(error))


async def _on_refusal(request: Request, error: Any) -> Response:
    return _told(request, error.status_code, problem(error.status_code, error.detail), error.headers)


async def _on_too_large(request: Request, error: Any) -> Response:
    return _told(request, 413, problem(413, str(error)), {"connection": "close"})


async def _on_leaving(_request: Request, _error: Any) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _on_surprise(request: Request, error: Any) -> Response:
    _log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)  # the server says where
    return _told(request, 500, problem(500, "something went wrong here; the host's log says what"))


def _told(request: Request, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return told(request.url.path, request.headers.get("accept", ""), status, body, headers)
