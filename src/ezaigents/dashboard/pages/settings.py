"""`/settings`: how this host is set, its agents, and which keys there are."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ezaigents import __version__
from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import key_rows, setting_rows
from ezaigents.dashboard.rendering import page


async def settings_page(request: Request) -> Response:
    """Settings in force; no part of a key."""
    services = Services.of(request)
    agents, keys = await asyncio.gather(services.client.agents(), asyncio.to_thread(key_rows, services.settings))
    rows = setting_rows(services.settings)
    return await page(
        request,
        "settings.html",
        version=__version__,
        agents=agents,
        keys=keys,
        limits=[row for row in rows if _is_limit(row.name)],
        changed=[row for row in rows if not row.is_default and not _is_limit(row.name)],
        others=[row for row in rows if row.is_default and not _is_limit(row.name)],
    )


def _is_limit(name: str) -> bool:
    return name.startswith(("budget_", "task_")) or name in ("ask_above_usd", "command_s", "command_memory_bytes")


ROUTES = (
    Route(
        method="GET", path="/settings", role=Role.READ, endpoint=settings_page, given_as="text/html",
        what="The page of settings.",
    ),
)  # fmt: skip
