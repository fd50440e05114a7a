"""`/api/scorecard`: the newest scorecard that is kept. Not its job: measuring one (`ez scorecard`)."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.scorecard import Card
from ezaigents.settings import Settings

_NONE = "no scorecard is kept here; `ez scorecard` makes one, `ez scorecard --quick` in two minutes"


async def scorecard(request: Request) -> Response:
    """The newest, without its raw samples."""
    card = await asyncio.to_thread(newest_card, Services.of(request).settings)
    if card is None:
        raise HTTPException(404, _NONE)
    return answer(request, card)


def newest_card(settings: Settings) -> Card | None:
    """None where none is kept. Raises ConfigError where the newest cannot be read."""
    from ezaigents.scorecard import newest, read_kept  # loaded when somebody looks

    folder = newest(settings.home_path)
    return None if folder is None else read_kept(folder).card


ROUTES = (
    Route(
        method="GET", path="/api/scorecard", role=Role.READ, endpoint=scorecard, gives=Card, raises=(404,),
        what="The newest scorecard that is kept: what the optimisations are worth on this machine.",
    ),
)  # fmt: skip
