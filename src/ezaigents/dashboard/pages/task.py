"""`/tasks/{id}`: one task: where it stands, what was done, its patch, and what can be done about it."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import check_ids, patch_of, read_beneath, step_rows, with_costs
from ezaigents.dashboard.pages.patch import PatchView, side_by_side, view_patch
from ezaigents.dashboard.rendering import page
from ezaigents.errors import InputError
from ezaigents.records import Task, TaskState
from ezaigents.settings import Settings

_STEPS_MOST = 200
_REPORT_MOST_BYTES = 100_000
_TEXT_MOST_CHARS = 4000


async def task(request: Request) -> Response:
    """One task as it is now."""
    services = Services.of(request)
    task_id = check_ids([request.path_params["id"]])[0]
    found = await services.client.task(task_id)
    run = await services.client.run(found.run)
    if found.state is TaskState.LEASED:
        services.hub.watch([task_id])
    shown = await asyncio.to_thread(_read, found, services.settings)
    return await page(
        request,
        "task.html",
        task=shown[0],
        prompt=run.prompt if run else "",
        said=services.hub.watching.so_far(task_id),
        steps=shown[1][-_STEPS_MOST:],
        left_out=max(0, len(shown[1]) - _STEPS_MOST),
        patch=shown[2],
        report=shown[3],
        text_most=_TEXT_MOST_CHARS,
        view="split" if request.query_params.get("view") == "split" else "",
        side_by_side=side_by_side,
    )


def _read(found: Task, settings: Settings) -> tuple[Task, list[object], PatchView, str]:
    """What lies in files: costs so far, steps, the patch."""
    counted = with_costs([found], settings.home_path)[0]
    try:
        steps: list[object] = list(step_rows(found, settings.home_path))
    except InputError:
        steps = []
    home = settings.home_path
    report = (read_beneath(home, found.report, _REPORT_MOST_BYTES) or b"").decode("utf-8", "replace")
    return counted, steps, view_patch(home, patch_of(found, home)), report


ROUTES = (
    Route(
        method="GET", path="/tasks/{id}", role=Role.READ, endpoint=task, given_as="text/html", raises=(404, 422),
        what="The page of one task.",
    ),
)  # fmt: skip
