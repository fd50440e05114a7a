"""`/resources`: what the fleet uses now and in the last minutes; it is measured only while somebody looks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.parameters import whole_number
from ezaigents.api.route import Route
from ezaigents.api.services import Services
from ezaigents.dashboard.pages.charts import Trace, trace
from ezaigents.dashboard.rendering import page
from ezaigents.monitor import Point
from ezaigents.workspace import human_size

_CHOICES = (5, 15, 60)
_GAP_MS = 65_000
"""Pages look every five seconds and scrapers once a minute; after so long without a look the line is broken."""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """One small chart. `now`, `most`: in words; `now` "" where it is not known yet."""

    title: str
    now: str
    most: str
    line: Trace


async def resources_page(request: Request) -> Response:
    """Look, and show it with the looks before."""
    minutes = whole_number("minutes", request.query_params.get("minutes") or "15", 1, 60)
    looks = Services.of(request).resources()
    now = await looks.look()
    return await page(
        request,
        "resources.html",
        now=now,
        charts=charts(looks.history, minutes * 60_000),
        looks=len(looks.history),
        minutes=minutes,
        choices=_CHOICES,
        totals=by_role([(one.role.value, one.rss_bytes) for one in now.processes]),
        estimated=any("estimated" in (row.keys_how, row.bytes_how) for row in now.engine.by_sort),
    )


def charts(points: Sequence[Point], width_ms: int) -> list[Chart]:
    """A chart of each sum over the last `width_ms`, up to the newest look."""
    to_ms = points[-1].at_ms if points else 0

    def chart(title: str, values: Sequence[float | None], words: str) -> Chart:
        pairs = list(zip([point.at_ms for point in points], values, strict=True))
        line = trace(pairs, from_ms=to_ms - width_ms, to_ms=to_ms, gap_ms=_GAP_MS)
        newest = values[-1] if values else None
        return Chart(
            title=title, now="" if newest is None else shown(newest, words), most=shown(line.most, words), line=line
        )

    return [
        chart("Memory", [one.rss_bytes for one in points], "bytes"),
        chart("Processor", [one.cpu_share for one in points], "share"),
        chart("Engine", [one.engine_bytes for one in points], "bytes"),
        chart("Network", [one.network_per_s for one in points], "bytes/s"),
        chart("Tasks waiting", [one.waiting for one in points], "tasks"),
        chart("Tasks running", [one.running for one in points], "tasks"),
    ]


def shown(value: float, words: str) -> str:
    """A value of a chart as people read it."""
    match words:
        case "bytes":
            return human_size(round(value))
        case "bytes/s":
            return f"{human_size(round(value))}/s"
        case "share":
            return f"{100 * value:.1f} %"
        case _:
            return f"{value:,.0f}"


def by_role(processes: Sequence[tuple[str, int]]) -> list[tuple[str, int, int]]:
    """Role, how many, and bytes together, in the order in which roles come."""
    found: dict[str, tuple[int, int]] = {}
    for role, size in processes:
        count, total = found.get(role, (0, 0))
        found[role] = (count + 1, total + size)
    return [(role, count, total) for role, (count, total) in found.items()]


ROUTES = (
    Route(
        method="GET", path="/resources", role=Role.READ, endpoint=resources_page, given_as="text/html", raises=(422,),
        what="The page of resources.",
    ),
)  # fmt: skip
