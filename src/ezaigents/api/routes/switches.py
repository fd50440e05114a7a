"""`/api/switches`: the optimisations, each on or off."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer, read_body
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.optimize import SwitchRow, choose, find_switch, in_force, switch_rows
from ezaigents.settings import Settings, load_settings


class Switches(msgspec.Struct, frozen=True):
    """What `ez switch --json` prints."""

    switches: list[SwitchRow]


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`on`: null takes a choice back, which counts from the next start on."""

    on: bool | None


def rows_of(settings: Settings) -> list[SwitchRow]:
    """The switches as a start would have them now, beside what this process has. Reads files; raises ConfigError."""
    next_start = load_settings({"home": settings.home, "workspace": settings.workspace})
    return switch_rows(next_start, in_force(settings))


async def switches(request: Request) -> Response:
    """Every switch."""
    return answer(request, Switches(await asyncio.to_thread(rows_of, Services.of(request).settings)))


async def switch(request: Request) -> Response:
    """Choose for every host of the data folder, and tell them."""
    services = Services.of(request)
    chosen = find_switch(request.path_params["name"])
    position: Position = await read_body(request, Position)
    await asyncio.to_thread(choose, services.settings.home_path, chosen, position.on)
    await services.client.tell_hosts("switches")
    return await switches(request)


ROUTES = (
    Route(
        method="GET", path="/api/switches", role=Role.READ, endpoint=switches, gives=Switches,
        what="The optimisations, and who says whether each is on.",
    ),
    Route(
        method="POST", path="/api/switches/{name}", role=Role.ADMIN, endpoint=switch, takes=Position, gives=Switches,
        raises=(422,), what="Turn an optimisation on or off for every host of the data folder.",
    ),
)  # fmt: skip
