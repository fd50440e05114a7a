"""`/messages`: what users and agents write to each other, and writing to them; notes on the workspace."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.clock import SystemClock
from ezaigents.dashboard.rendering import page
from ezaigents.team import Notes

_SHOWN_MOST = 200


async def messages_page(request: Request) -> Response:
    """The conversation of the last hour, with everybody or with one."""
    services = Services.of(request)
    client, settings = services.client, services.settings
    of = request.query_params.get("agent", "")
    said = [one async for one in client.operator.conversation(of)]
    notes = Notes(settings.home_path / "notes", SystemClock(), keep_days=settings.note_days)
    agents = await client.agents()
    return await page(
        request,
        "messages.html",
        of=of,
        messages=said[-_SHOWN_MOST:],
        left_out=max(0, len(said) - _SHOWN_MOST),
        agents=[agent.name for agent in agents],
        capabilities=sorted({one for agent in agents for one in agent.capabilities}),
        notes=await asyncio.to_thread(notes.all, client.place),
    )


ROUTES = (
    Route(
        method="GET", path="/messages", role=Role.READ, endpoint=messages_page, given_as="text/html", raises=(422,),
        what="The page of messages and notes.",
    ),
)  # fmt: skip
