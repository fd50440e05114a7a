"""`/enter`: where a link becomes a session, and `/api/leave`, where that ends. Not its job: making links (access)."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ezaigents.access import SESSION_S, Grant, GrantKind, Role
from ezaigents.api.answers import Empty, answer, read_body
from ezaigents.api.failing import problem, told
from ezaigents.api.route import Query, Route
from ezaigents.api.services import Services

_CODE = Query(name="code", schema={"type": "string"}, what="What `ez open` printed; good once, for ten minutes.")
_WAIT_S = 60


class Me(msgspec.Struct, frozen=True):
    """Who asks: what `ez token list` calls it, and how far it goes."""

    id: str
    kind: GrantKind
    role: Role
    name: str


async def enter(request: Request) -> Response:
    """Make a session of a link, and lead to the first page; the code is in no address from here on."""
    services = Services.of(request)
    agent, code = request.headers.get("user-agent", "browser"), request.query_params.get("code", "")
    given = await asyncio.to_thread(services.access.redeem, code, _printable(agent))
    if given is None:
        accept = request.headers.get("accept", "")
        if code and not services.guesses.add():
            words = "too many wrong links; wait a minute"
            return told(request.url.path, accept, 429, problem(429, words), {"retry-after": str(_WAIT_S)})
        words = "this link was used, or is too old; `ez open` prints a fresh one"
        return told(request.url.path, accept, 403, problem(403, words))
    response = RedirectResponse("/", 303)
    response.set_cookie(
        request.app.state.cookie,
        given.text,
        max_age=SESSION_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https" or bool(services.settings.behind_proxy),
    )
    return response


async def leave(request: Request) -> Response:
    """End the session of whoever asks."""
    await read_body(request, Empty)
    grant: Grant = request.scope["grant"]
    if grant.kind is GrantKind.SESSION:
        await asyncio.to_thread(Services.of(request).access.revoke, grant.id)
    response = answer(request, Empty())
    response.delete_cookie(request.app.state.cookie, path="/")
    return response


async def me(request: Request) -> Response:
    """Who asks."""
    grant: Grant = request.scope["grant"]
    return answer(request, Me(id=grant.id, kind=grant.kind, role=grant.role, name=grant.name))


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:64] or "browser"


ROUTES = (
    Route(
        method="GET", path="/enter", role=None, endpoint=enter, status=303, queries=(_CODE,), raises=(403, 429),
        given_as="", what="Make a session of a link that `ez open` printed.",
    ),
    Route(
        method="GET", path="/api/me", role=Role.READ, endpoint=me, gives=Me,
        what="Who asks, and how far his role goes.",
    ),
    Route(
        method="POST", path="/api/leave", role=Role.READ, endpoint=leave, takes=Empty, gives=Empty,
        raises=(422,), what="End the session of whoever asks.",
    ),
)  # fmt: skip
