"""`/api/agents`: who there is, whether they can work, and how they are."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer, read_body
from ezaigents.api.house import House
from ezaigents.api.way import Way
from ezaigents.client import AgentPresence


class Agents(msgspec.Struct, frozen=True):
    """What `ez agents --json` prints."""

    agents: list[AgentPresence]


class Whom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`agents`: names, or `provider:NAME`; none = all of them."""

    agents: tuple[str, ...] = ()


class Paused(msgspec.Struct, frozen=True):
    """Who is paused now; `*` = everybody."""

    paused: list[str]


async def agents(request: Request) -> Response:
    """Every agent of the fleet."""
    return answer(request, Agents(await House.of(request).client.agents()))


async def pause(request: Request) -> Response:
    """Let them take no more tasks."""
    whom: Whom = await read_body(request, Whom)
    return answer(request, Paused(await House.of(request).client.operator.pause(whom.agents)))


async def resume(request: Request) -> Response:
    """Let them take tasks again."""
    whom: Whom = await read_body(request, Whom)
    return answer(request, Paused(await House.of(request).client.operator.resume(whom.agents)))


WAYS = (
    Way(
        method="GET", path="/api/agents", role=Role.READ, endpoint=agents, gives=Agents,
        what="The agents of the fleet, whether they can work, and how they are.",
    ),
    Way(
        method="POST", path="/api/agents/pause", role=Role.OPERATE, endpoint=pause, takes=Whom, gives=Paused,
        raises=(422,), what="Let agents take no more tasks; running ones end.",
    ),
    Way(
        method="POST", path="/api/agents/resume", role=Role.OPERATE, endpoint=resume, takes=Whom, gives=Paused,
        raises=(422,), what="Let agents take tasks again.",
    ),
)  # fmt: skip
