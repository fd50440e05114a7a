"""`/switches`: the optimisations, each on or off."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.routes.switches import rows_of
from ezaigents.api.services import Services
from ezaigents.dashboard.rendering import page


async def switches_page(request: Request) -> Response:
    """What each does on and off, and buttons for those who may."""
    rows = await asyncio.to_thread(rows_of, Services.of(request).settings)
    may_switch = request.scope["grant"].role.includes(Role.ADMIN)
    return await page(request, "switches.html", rows=rows, may_switch=may_switch)


ROUTES = (
    Route(
        method="GET", path="/switches", role=Role.READ, endpoint=switches_page, given_as="text/html",
        what="The page of switches.",
    ),
)  # fmt: skip
