"""`/api/health`, `/api/status`: whether the fleet can work. Not its job: what is stuck (problems)."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer
from ezaigents.api.gate import role_of
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import Status


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`ok`: tasks are taken and kept. The rest is told only to those with a token.

    `alive`: this process answers. `ready`: a host works. `durability`: the engine's fsync policy. `why`: what ails it.
    """

    ok: bool
    alive: bool | None = None
    ready: bool | None = None
    durability: str = ""
    why: str = ""


async def health(request: Request) -> Response:
    """Whether the engine answers, and a host lives."""
    services = Services.of(request)
    beat = await services.pulse.beat()
    told = Health(ok=beat.ready)
    if role_of(request.scope) is not None:
        durability = services.client.engine.durability
        told = Health(ok=beat.ready, alive=True, ready=beat.ready, durability=durability, why=beat.why)
    return answer(request, told, 200 if beat.ready else 503)


async def status(request: Request) -> Response:
    """What `ez status --json` prints."""
    return answer(request, await Services.of(request).client.status())


ROUTES = (
    Route(
        method="GET", path="/api/health", role=None, endpoint=health, gives=Health, also=(503,),
        what="Whether tasks are taken and kept; with a token, also why not.",
    ),
    Route(
        method="GET", path="/api/status", role=Role.READ, endpoint=status, gives=Status,
        what="Whether the fleet is ready, and what it holds.",
    ),
)  # fmt: skip
