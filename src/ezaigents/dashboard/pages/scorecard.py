"""`/scorecard`: the newest scorecard, or how to make one."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.routes.scorecard import newest_card
from ezaigents.api.services import Services
from ezaigents.dashboard.rendering import page
from ezaigents.errors import ConfigError


async def scorecard_page(request: Request) -> Response:
    """What was measured, with bars."""
    trouble = ""
    card = None
    try:
        card = await asyncio.to_thread(newest_card, Services.of(request).settings)
    except ConfigError as error:
        trouble = str(error)
    if card is None:
        return await page(request, "scorecard.html", trouble=trouble, heading="")
    from ezaigents.scorecard import (  # as seldom as that
        drawings_of,
        heading,
        machine_line,
        notes_of,
        notices,
        tables_of,
    )

    return await page(
        request,
        "scorecard.html",
        trouble="",
        heading=heading(card),
        notices=notices(card),
        machine=machine_line(card),
        drawings=drawings_of(card.rows),
        tables=tables_of(card),
        notes=notes_of(card),
    )


ROUTES = (
    Route(
        method="GET", path="/scorecard", role=Role.READ, endpoint=scorecard_page, given_as="text/html",
        what="The page of the newest scorecard.",
    ),
)  # fmt: skip
