"""`/api/openapi.json`: all of this, for programs."""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ezaigents import __version__
from ezaigents.access import Role
from ezaigents.api.answers import answer
from ezaigents.api.route import Route


@cache
def _document() -> dict[str, Any]:
    from ezaigents.api.openapi import document
    from ezaigents.api.routes import ROUTES as ALL

    return document(ALL, __version__)


async def openapi(request: Request) -> Response:
    """The document, made at the first request."""
    return answer(request, _document())


ROUTES = (
    Route(
        method="GET", path="/api/openapi.json", role=Role.READ, endpoint=openapi, gives=dict[str, Any],
        what="This document.",
    ),
)  # fmt: skip
