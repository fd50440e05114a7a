"""The site put together. Job: the table of ways, the router, the gate around all of it. Not its job: any answer.

Everything that answers is in the table; a test walks it, and asks each way without a token.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from ezaigents.api.failing import problem, problem_of, told
from ezaigents.api.gate import Gate, TooLarge
from ezaigents.api.house import House
from ezaigents.api.site import Site
from ezaigents.api.way import Way, WayFinder
from ezaigents.api.ways import WAYS
from ezaigents.api.ways.events import socket
from ezaigents.errors import EzError
from ezaigents.home import home_id

SOCKET = "/ws"
_log = logging.getLogger(__name__)


def make_app(house: House, site: Site, ways: Sequence[Way] = WAYS) -> ASGIApp:
    """The whole site of a fleet, gate and all."""
    app = Starlette(
        routes=_routes(ways),
        exception_handlers={
            EzError: _on_error,
            HTTPException: _on_refusal,
            TooLarge: _on_too_large,
            ClientDisconnect: _on_leaving,
            Exception: _on_surprise,
        },
    )
    app.router.redirect_slashes = False
    app.state.house = house
    app.state.cookie = cookie_name(house)
    return Gate(app, site, WayFinder(ways), house.access, app.state.cookie)


def cookie_name(house: House) -> str:
    """What a session's cookie is called; browsers send a cookie to every port of a host."""
    return f"ez-{home_id(house.settings.home_path)}"


def _routes(ways: Sequence[Way]) -> list[BaseRoute]:
    routes: list[BaseRoute] = [Route(way.path, way.endpoint, methods=[way.method]) for way in ways]
    return [*routes, WebSocketRoute(SOCKET, socket)]


async def _on_error(request: Request, error: Any) -> Response:
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
    return told(request.headers.get("accept", ""), status, body, headers)
