"""`/new`: hand in a job."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.dashboard.rendering import page
from ezaigents.records import TaskKind


async def new_job(request: Request) -> Response:
    """The form; what it sends goes to the API."""
    agents = [agent for agent in await Services.of(request).client.agents() if agent.state in ("ready", "paused")]
    return await page(request, "new.html", agents=agents, kinds=[kind.value for kind in TaskKind])


ROUTES = (
    Route(
        method="GET", path="/new", role=Role.OPERATE, endpoint=new_job, given_as="text/html",
        what="The page where jobs are handed in.",
    ),
)  # fmt: skip
