"""`/costs`: what was spent by day, agent and model, and what is left of each limit."""

from __future__ import annotations

import datetime as dt

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.parameters import whole_number
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.client import CostRow, Costs, costs_of
from ezaigents.client.costs import DAYS_MOST
from ezaigents.dashboard.pages.charts import Bar, bars
from ezaigents.dashboard.rendering import page

_CHOICES = (7, 30, 90, 365)


async def costs_page(request: Request) -> Response:
    """What was spent. Simulated money is shown apart, and only where nothing else is."""
    services = Services.of(request)
    days = whole_number("days", request.query_params.get("days") or "30", 1, DAYS_MOST)
    found = await costs_of(services.client, days)
    is_simulated = services.settings.models == "simulated"
    return await page(
        request,
        "costs.html",
        costs=found,
        days=days,
        choices=_CHOICES,
        bars=day_bars(found, simulated=is_simulated),
        groups=[(word, _of(rows, simulated=is_simulated)) for word, rows in _groups(found)],
        day_rows=_of(found.days, simulated=is_simulated),
        limits=[row for row in found.limits if row.simulated == is_simulated],
        total=sum(row.spent_microusd for row in _of(found.days, simulated=is_simulated)),
    )


def day_bars(found: Costs, *, simulated: bool) -> list[Bar]:
    """A bar for every day of the time, those without a call too."""
    spent = {row.day: row.spent_microusd for row in _of(found.days, simulated=simulated)}
    first, last = dt.date.fromisoformat(found.since), dt.date.fromisoformat(found.until)
    days = [(first + dt.timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
    return bars([(day, spent.get(day, 0)) for day in days])


def _groups(found: Costs) -> list[tuple[str, list[CostRow]]]:
    return [("Agent", found.agents), ("Model", found.models)]


def _of(rows: list[CostRow], *, simulated: bool) -> list[CostRow]:
    return [row for row in rows if row.simulated == simulated]


ROUTES = (
    Route(
        method="GET", path="/costs", role=Role.READ, endpoint=costs_page, given_as="text/html", raises=(422,),
        what="The page of costs.",
    ),
)  # fmt: skip
