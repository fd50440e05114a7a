"""`/problems`: what is stuck, why, and what to do."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.dashboard.rendering import page


async def problems_page(request: Request) -> Response:
    """Everything that somebody should look at."""
    found = await Services.of(request).client.operator.problems()
    return await page(request, "problems.html", problems=found)


ROUTES = (
    Route(
        method="GET", path="/problems", role=Role.READ, endpoint=problems_page, given_as="text/html",
        what="The page of problems.",
    ),
)  # fmt: skip
