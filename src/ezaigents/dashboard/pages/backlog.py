"""`/queue`: what waits and how long, and what has died of what, to be tried again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import backlog_of
from ezaigents.dashboard.rendering import page


async def queue_page(request: Request) -> Response:
    """The queue as it is now."""
    return await page(request, "queue.html", backlog=await backlog_of(Services.of(request).client))


ROUTES = (
    Route(
        method="GET", path="/queue", role=Role.READ, endpoint=queue_page, given_as="text/html",
        what="The page of the queue.",
    ),
)  # fmt: skip
