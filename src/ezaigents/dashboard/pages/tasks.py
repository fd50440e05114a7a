"""`/tasks`: all tasks, chosen, searched, a page at a time."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.routes.tasks import sought_by
from ezaigents.api.services import Services
from ezaigents.dashboard.rendering import is_live_part, page
from ezaigents.records import TaskKind, TaskState

_ROWS = 50


async def tasks(request: Request) -> Response:
    """One page of tasks."""
    services, params = Services.of(request), request.query_params
    found = await services.client.page(sought_by(params), most=_ROWS, after=params.get("cursor", ""))
    agents = [] if is_live_part(request) else [agent.name for agent in await services.client.agents()]
    kept = [(name, text) for name, text in params.multi_items() if name != "cursor" and text]
    following = urlencode([*kept, ("cursor", found.next)]) if found.next else ""
    return await page(
        request,
        "tasks.html",
        tasks=found.tasks,
        following=following,
        is_first=not params.get("cursor"),
        stopped_early=found.stopped_early,
        chosen={name: params.get(name, "") for name in ("state", "agent", "kind", "q", "asks")},
        states=[state.value for state in TaskState],
        kinds=[kind.value for kind in TaskKind],
        agents=agents,
    )


ROUTES = (
    Route(
        method="GET", path="/tasks", role=Role.READ, endpoint=tasks, given_as="text/html", raises=(422,),
        what="The page of tasks.",
    ),
)  # fmt: skip
