"""`/`: the agents, how they are, and what each does now."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import Sought
from ezaigents.dashboard.rendering import page
from ezaigents.records import Task, TaskState

_AT_WORK_MOST = 200


async def fleet(request: Request) -> Response:
    """The fleet as it is now."""
    client = Services.of(request).client
    agents = await client.agents()
    status, at_work, paused = await asyncio.gather(
        client.status(agents),
        client.page(Sought(states=frozenset({TaskState.LEASED})), most=_AT_WORK_MOST),
        client.queue.paused(),
    )
    doing: dict[str, list[Task]] = {}
    for task in at_work.tasks:
        doing.setdefault(task.agent, []).append(task)
    return await page(request, "fleet.html", agents=agents, status=status, doing=doing, paused=sorted(paused))


ROUTES = (
    Route(
        method="GET", path="/", role=Role.READ, endpoint=fleet, given_as="text/html",
        what="The page of the fleet.",
    ),
)  # fmt: skip
