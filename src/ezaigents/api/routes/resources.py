"""`/api/resources`: what the fleet uses, now and in the last hour."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.monitor import Point, Sample


class ResourceDetail(msgspec.Struct, frozen=True):
    """The newest look, and the sums of every look that a page or a program took in the last hour."""

    now: Sample
    history: tuple[Point, ...]


async def resources(request: Request) -> Response:
    """Look, unless somebody has within two seconds."""
    looks = Services.of(request).resources()
    now = await looks.look()
    return answer(request, ResourceDetail(now, looks.history))


ROUTES = (
    Route(
        method="GET", path="/api/resources", role=Role.READ, endpoint=resources, gives=ResourceDetail,
        what="What the fleet uses: processes, containers, the engine's keys and traffic, agents; and the last hour.",
    ),
)  # fmt: skip
