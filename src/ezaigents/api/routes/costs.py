"""`/api/costs`: what was spent; `/api/prices`: what models cost; `/api/forecast`: what a job may cost."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import answer, read_body
from ezaigents.api.jobs import JobSpec, resolver_of, wish_of
from ezaigents.api.parameters import whole_number
from ezaigents.api.route import Query, Route
from ezaigents.api.services import Services
from ezaigents.budget import Forecast, KnownPrice, Prices
from ezaigents.client import Costs, Plan, costs_of, plan
from ezaigents.client.costs import DAYS_MOST

_DAYS = 30
_DAYS_QUERY = Query(
    name="days", schema={"type": "integer", "minimum": 1, "maximum": DAYS_MOST}, what="How many days, with today."
)


class PriceList(msgspec.Struct, frozen=True):
    """What is known of each model's price, in micro-dollars per million tokens, and who says so."""

    prices: list[KnownPrice]


class JobForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a job would be. `why`: of the agent, where it was left open. `forecast`: null = no model, or no price.

    `needs_yes`: it may cost more than `ask_above_usd`, and is only taken with `yes`.
    """

    agent: str
    why: str
    simulated: bool
    forecast: Forecast | None
    needs_yes: bool


async def costs(request: Request) -> Response:
    """What was spent by day, agent and model."""
    days = whole_number("days", request.query_params.get("days", str(_DAYS)), 1, DAYS_MOST)
    return answer(request, await costs_of(Services.of(request).client, days))


async def prices(request: Request) -> Response:
    """What models cost."""
    known = await asyncio.to_thread(lambda: Prices.load(Services.of(request).settings).all())
    return answer(request, PriceList(known))


async def forecast(request: Request) -> Response:
    """What a job may cost; nothing is handed in."""
    services = Services.of(request)
    asked: JobSpec = await read_body(request, JobSpec)
    planned = await plan(services.client, await asyncio.to_thread(wish_of, asked, resolver_of(services.settings)))
    return answer(request, forecast_of(planned, services.settings.ask_above_usd))


def forecast_of(planned: Plan, ask_above_usd: float) -> JobForecast:
    """A plan as it is told."""
    return JobForecast(
        agent=planned.wish.agent,
        why=planned.choice.why if planned.choice else "",
        simulated=planned.agent.simulated,
        forecast=planned.forecast,
        needs_yes=planned.costs_more_than(ask_above_usd),
    )


ROUTES = (
    Route(
        method="GET", path="/api/costs", role=Role.READ, endpoint=costs, gives=Costs, queries=(_DAYS_QUERY,),
        raises=(422,), what="What was spent, by day, agent and model, and what is left of each limit.",
    ),
    Route(
        method="GET", path="/api/prices", role=Role.READ, endpoint=prices, gives=PriceList,
        what="What is known of the price of each model.",
    ),
    Route(
        method="POST", path="/api/forecast", role=Role.READ, endpoint=forecast, takes=JobSpec, gives=JobForecast,
        raises=(404, 409, 422), what="Which agent would do a job, and what it may cost; nothing is handed in.",
    ),
)  # fmt: skip
