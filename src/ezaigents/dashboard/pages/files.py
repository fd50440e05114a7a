"""`/files`: who holds which files, who waits for some, and who is at the same ones."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import shared_files
from ezaigents.dashboard.rendering import page


async def files_page(request: Request) -> Response:
    """File leases and overlaps as they are now."""
    client = Services.of(request).client
    locks, shared = await asyncio.gather(client.operator.locks(), shared_files(client))
    return await page(request, "files.html", locks=locks, shared=shared)


ROUTES = (
    Route(
        method="GET", path="/files", role=Role.READ, endpoint=files_page, given_as="text/html",
        what="The page of file leases and overlaps.",
    ),
)  # fmt: skip
