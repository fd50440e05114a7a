"""`/`: the agents, how they are, and what each does now; `/api/agents`: the same as JSON or as a part of a page."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.routes.agents import Agents, agents
from ezaigents.api.services import Services
from ezaigents.client import AgentPresence, Client, Sought, spent_today
from ezaigents.dashboard.rendering import page, part
from ezaigents.records import Task, TaskState

_AT_WORK_MOST = 200


async def fleet(request: Request) -> Response:
    """The fleet as it is now."""
    services = Services.of(request)
    found = await services.client.agents()
    status, more = await asyncio.gather(services.client.status(found), _at_work(services, found))
    return await page(request, "fleet.html", agents=found, status=status, **more)


async def agents_or_part(request: Request) -> Response:
    """JSON for whoever accepts that; else the table of the agents, as it stands on the page."""
    if "json" in request.headers.get("accept", ""):
        response = await agents(request)
        response.headers["vary"] = "accept"
        return response
    services = Services.of(request)
    found = await services.client.agents()
    return await part(request, "_agents.html", agents=found, **await _at_work(services, found))


async def _at_work(services: Services, found: list[AgentPresence]) -> dict[str, Any]:
    """What each agent does, whether it is paused, and what it cost today."""
    client: Client = services.client
    at_work, paused, spent = await asyncio.gather(
        client.page(Sought(states=frozenset({TaskState.LEASED})), most=_AT_WORK_MOST),
        client.queue.paused(),
        spent_today(client, [one.name for one in found], simulated=services.settings.models == "simulated"),
    )
    doing: dict[str, list[Task]] = {}
    for task in at_work.tasks:
        doing.setdefault(task.agent, []).append(task)
    return {"doing": doing, "paused": sorted(paused), "spent": spent}


ROUTES = (
    Route(
        method="GET", path="/", role=Role.READ, endpoint=fleet, given_as="text/html",
        what="The page of the fleet.",
    ),
    Route(
        method="GET", path="/api/agents", role=Role.READ, endpoint=agents_or_part, gives=Agents,
        also_as=("text/html",),
        what="The agents of the fleet: JSON by Accept, else the part of a page that shows them.",
    ),
)  # fmt: skip
