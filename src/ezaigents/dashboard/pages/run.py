"""`/runs/{id}`: a run with its tasks."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import check_ids, find, with_costs
from ezaigents.dashboard.rendering import page
from ezaigents.errors import TaskGone
from ezaigents.records import TaskState

_ROWS_MOST = 500


async def run_page(request: Request) -> Response:
    """One run as it is now."""
    services = Services.of(request)
    an_id = check_ids([request.path_params["id"]])[0]
    run, tasks = await find(services.client, an_id)
    if run is None:
        raise TaskGone(an_id)
    shown = await asyncio.to_thread(with_costs, tasks, services.settings.home_path)
    return await page(
        request,
        "run.html",
        run=run,
        tasks=shown[:_ROWS_MOST],
        left_out=max(0, len(shown) - _ROWS_MOST),
        spent=sum(task.cost_microusd for task in shown if not task.simulated),
        simulated_spent=sum(task.cost_microusd for task in shown if task.simulated),
        open_ids=[task.id for task in shown if not task.state.terminal],
        failed_ids=[task.id for task in shown if task.state in (TaskState.DEAD, TaskState.CANCELLED)],
    )


ROUTES = (
    Route(
        method="GET", path="/runs/{id}", role=Role.READ, endpoint=run_page, given_as="text/html", raises=(404, 422),
        what="The page of one run.",
    ),
)  # fmt: skip
