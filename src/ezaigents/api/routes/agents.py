"""`/api/agents`: who there is, whether they can work, and how they are."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer, read_body
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import AgentPresence


class Agents(msgspec.Struct, frozen=True):
    """What `ez agents --json` prints."""

    agents: list[AgentPresence]


class AgentNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`agents`: names, or `provider:NAME`; none = all of them."""

    agents: tuple[str, ...] = ()


class Paused(msgspec.Struct, frozen=True):
    """Who is paused now; `*` = everybody."""

    paused: list[str]


async def agents(request: Request) -> Response:
    """Every agent of the fleet."""
    return answer(request, Agents(await Services.of(request).client.agents()))


async def pause(request: Request) -> Response:
    """Let them take no more tasks."""
    names: AgentNames = await read_body(request, AgentNames)
    return answer(request, Paused(await Services.of(request).client.operator.pause(names.agents)))


async def resume(request: Request) -> Response:
    """Let them take tasks again."""
    names: AgentNames = await read_body(request, AgentNames)
    return answer(request, Paused(await Services.of(request).client.operator.resume(names.agents)))


ROUTES = (
    Route(
        method="GET", path="/api/agents", role=Role.READ, endpoint=agents, gives=Agents,
        what="The agents of the fleet, whether they can work, and how they are.",
    ),
    Route(
        method="POST", path="/api/agents/pause", role=Role.OPERATE, endpoint=pause, takes=AgentNames, gives=Paused,
        raises=(422,), what="Let agents take no more tasks; running ones end.",
    ),
    Route(
        method="POST", path="/api/agents/resume", role=Role.OPERATE, endpoint=resume, takes=AgentNames, gives=Paused,
        raises=(422,), what="Let agents take tasks again.",
    ),
)  # fmt: skip
