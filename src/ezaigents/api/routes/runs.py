"""`/api/runs`: a run with its tasks; and what is stuck, and who holds which files."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import Locks, Problem, RunDetail, check_ids, find, run_detail, with_costs
from ezaigents.errors import TaskGone


class Problems(msgspec.Struct, frozen=True):
    """What `ez problems --json` prints."""

    problems: list[Problem]


async def show_run(request: Request) -> Response:
    """One run with its tasks, purged ones too."""
    services = Services.of(request)
    an_id = check_ids([request.path_params["id"]])[0]
    run, tasks = await find(services.client, an_id)
    if run is None:
        raise TaskGone(an_id)
    home = services.settings.home_path
    return answer(request, run_detail(run, await asyncio.to_thread(with_costs, tasks, home), home))


async def problems(request: Request) -> Response:
    """What is stuck, why, and what to do."""
    return answer(request, Problems(await Services.of(request).client.operator.problems()))


async def locks(request: Request) -> Response:
    """Who holds which files, and who waits."""
    return answer(request, await Services.of(request).client.operator.locks())


ROUTES = (
    Route(
        method="GET", path="/api/runs/{id}", role=Role.READ, endpoint=show_run, gives=RunDetail, raises=(404, 422),
        what="One run with its tasks.",
    ),
    Route(
        method="GET", path="/api/problems", role=Role.READ, endpoint=problems, gives=Problems,
        what="What is stuck, why, and what to do.",
    ),
    Route(
        method="GET", path="/api/locks", role=Role.READ, endpoint=locks, gives=Locks,
        what="Who holds which files, and who waits for some.",
    ),
)  # fmt: skip
