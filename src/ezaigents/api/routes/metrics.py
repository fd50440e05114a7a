"""`/metrics`: for Prometheus and what reads its format."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ezaigents import __version__
from ezaigents.access import Role
from ezaigents.api.route import Route
from ezaigents.api.services import Services

_ANSWER_S = 5.0
"""Whoever scrapes waits ten seconds, and then counts the whole fleet as down."""


async def metrics(request: Request) -> Response:
    """Read what the fleet measures, and tell it as OpenMetrics."""
    from ezaigents.api.exposition import MEDIA_TYPE, exposition
    from ezaigents.api.metrics import metrics_of
    from ezaigents.api.process import process_figures
    from ezaigents.client import figures
    from ezaigents.errors import EngineDown

    try:
        async with asyncio.timeout(_ANSWER_S):
            measured = await figures(Services.of(request).client)
            sample = await Services.of(request).resources().look(measured)
    except TimeoutError:
        raise EngineDown("the engine does not answer; nothing can be measured now") from None
    text = exposition(metrics_of(measured, sample, process_figures(), __version__))
    return Response(text, headers={"content-type": MEDIA_TYPE, "cache-control": "no-store"})


ROUTES = (
    Route(
        method="GET", path="/metrics", role=Role.READ, endpoint=metrics, given_as="application/openmetrics-text",
        what="What the fleet measures, for monitoring (OpenMetrics 1.0.0).",
    ),
)  # fmt: skip
