"""Templates to answers. Job: a whole page, or only the part of it that changed, with an entity tag.

A page asks for its live part with the header `HX-Request`, and gets the template's block `live` alone.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.answers import is_known, tag_of
from ezaigents.api.gate import role_of
from ezaigents.api.services import Services
from ezaigents.budget import shown_usd
from ezaigents.codec import printable
from ezaigents.dashboard import words
from ezaigents.dashboard.assets import address_of_asset
from ezaigents.workspace import human_size

if TYPE_CHECKING:
    from jinja2 import Environment

_LEAST_PACKED_BYTES = 1024


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # programs that ask need no templates

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "about": words.about, "clock": words.clock, "first_line": words.first_line,
        "linked": words.linked, "state_word": words.state_word, "lasted": words.lasted, "moment": words.moment,
        "money": shown_usd, "one_line": printable, "size": human_size,
    }  # fmt: skip
    environment.globals["asset"] = address_of_asset
    return environment


async def page(request: Request, name: str, **values: Any) -> Response:
    """Answer with a template: whole, or its live part where only that is asked for. A long one takes a while."""
    return await asyncio.to_thread(_page, request, name, values)


async def part(request: Request, name: str, **values: Any) -> Response:
    """Answer with a template that is a part of pages."""
    return await asyncio.to_thread(_part, request, name, values)


def is_live_part(request: Request) -> bool:
    """Whether only the part of a page is asked for that changes."""
    return request.headers.get("hx-request") == "true"


def _part(request: Request, name: str, values: dict[str, Any]) -> Response:
    return _html(request, _environment().get_template(name).render(_everywhere(request) | values).encode())


def _page(request: Request, name: str, values: dict[str, Any]) -> Response:
    template = _environment().get_template(name)
    values = _everywhere(request) | values
    if is_live_part(request):
        text = "".join(template.blocks["live"](template.new_context(values)))
    else:
        text = template.render(values)
    return _html(request, text.encode())


def _everywhere(request: Request) -> dict[str, Any]:
    """What every template may show."""
    services, now_ms = Services.of(request), time.time_ns() // 1_000_000
    role = role_of(request.scope)
    return {
        "path": request.url.path,
        "here": _relative(request),
        "role": role.value if role else "",
        "may_operate": role is not None and role.includes(Role.OPERATE),
        "workspace": services.settings.workspace,
        "push": services.pushes(),
        "simulated": services.settings.models == "simulated",
        "ago": lambda at_ms: words.ago(at_ms, now_ms),
        "now_ms": now_ms,
    }


def _html(request: Request, body: bytes) -> Response:
    headers = {
        "etag": tag_of(body),
        "cache-control": "private, no-cache",
        "vary": "accept, hx-request, accept-encoding",
    }
    if is_known(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    if len(body) >= _LEAST_PACKED_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["content-encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
    return Response(body, headers=headers, media_type="text/html")


def _relative(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")
