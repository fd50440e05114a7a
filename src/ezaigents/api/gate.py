"""The outermost layer. Job: turn away, before anything else looks at a request, whoever may not come in.

In this order: names that are not ours (Host), pages that are not ours (Origin), bodies that are too large, people
without a token, and those whose token does not go so far. Nothing is let in because a check was forgotten: what is in
no table needs the highest role. Not its job: answering those who may.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ezaigents.access import Access, Grant, GrantKind, Role
from ezaigents.api.failing import problem, told
from ezaigents.api.guards import GUARDS, NOT_KEPT
from ezaigents.api.guessing import Guesses
from ezaigents.api.route import SAFE, RouteTable
from ezaigents.api.site import Site
from ezaigents.errors import RetryLater

BODY_MOST_BYTES = 1024 * 1024
OURS = "ez-request"
"""A header that no form and no plain link can carry: whoever sends it with a session wrote the page, or asked us."""
_AFTER_S = {429: "60", 503: "1"}
_SAME = frozenset({"same-origin", "none"})
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


class TooLarge(Exception):
    """A body went on beyond what is read of it."""

    def __str__(self) -> str:
        return _too_large()


class Gate:
    """`cookie`: what the session's cookie is called here; each installation has its own, for ports share cookies."""

    def __init__(
        self, inner: ASGIApp, site: Site, table: RouteTable, access: Access, cookie: str, guesses: Guesses
    ) -> None:
        self._inner = inner
        self._site = site
        self._table = table
        self._access = access
        self._cookie = cookie
        self._guesses = guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        headers = Headers(scope=scope)
        try:
            refusal = self._refuse(scope, headers)
        except RetryLater as error:
            refusal = (503, str(error))
        if refusal is not None:
            await _turn_away(scope, receive, send, *refusal)
            return
        await self._inner(scope, _bounded(receive) if scope["type"] == "http" else receive, _guarded(send))

    def _refuse(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and reason of a refusal; None lets in."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._site.hosts:
            return 421, "this address is not answered under that name; use the one that `ez open` prints"
        origins = headers.getlist("origin")
        if any(origin.lower() not in self._site.origins for origin in origins):
            return 403, "pages of other origins may not ask here"
        length = headers.get("content-length", "0")
        if not length.isdigit() or len(length) > 12 or int(length) > BODY_MOST_BYTES:
            return 413, _too_large()
        websocket = scope["type"] == "websocket"
        method = "GET" if websocket else scope["method"]
        grant, by_cookie = self._who(headers)
        scope["grant"] = grant
        if grant is not None and (line := scope.get("state", {}).get("line")) is not None:
            line.know()
        role = self._table.needed(method, scope["path"])
        if role is None:
            return None
        if grant is None:
            return self._unknown(headers)
        if by_cookie and (why := _not_by_cookie(method, headers, websocket=websocket)):
            return 403, why
        if not grant.role.includes(role):
            return 403, f"this needs the role {role.value}, and yours is {grant.role.value}"
        return None

    def _who(self, headers: Headers) -> tuple[Grant | None, bool]:
        """Whose request this is, and whether a browser sent it by itself."""
        given = headers.get("authorization", "")
        if given:
            scheme, _, text = given.partition(" ")
            return (self._access.find(text.strip(), GrantKind.TOKEN) if scheme.lower() == "bearer" else None), False
        text = self._session_text(headers)
        return (self._access.find(text, GrantKind.SESSION) if text else None), bool(text)

    def _session_text(self, headers: Headers) -> str:
        """What our cookie holds; other programs of this machine have put theirs beside it, of whatever form."""
        for header in headers.getlist("cookie"):
            for part in header.split(";"):
                name, _, text = part.strip().partition("=")
                if name == self._cookie:
                    return text
        return ""

    def _unknown(self, headers: Headers) -> tuple[int, str]:
        shown = "authorization" in headers or bool(self._session_text(headers))
        if shown and not self._guesses.add():
            return 429, "too many wrong tokens; wait a minute"
        return (
            401,
            "a token is needed: `ez open` prints a link for a browser, `ez token create` makes one for a program",
        )


def _not_by_cookie(method: str, headers: Headers, *, websocket: bool) -> str:
    """Why a browser's session is not enough for this; "" when it is."""
    if headers.get("sec-fetch-site", "none") not in _SAME:
        return "a page of another site sent this"
    if websocket and "origin" not in headers:
        return "an upgrade with a session needs an Origin"
    if method in SAFE:
        return ""
    if "origin" not in headers:
        return "with a session, this needs an Origin"
    return "" if OURS in headers else f"with a session, this needs the header {OURS}"


def _too_large() -> str:
    return f"bodies are at most {BODY_MOST_BYTES:,} bytes; hand long texts in as files of the workspace"


def _bounded(receive: Receive) -> Receive:
    """Receive no more than a body may have, whatever its length was said to be."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_MOST_BYTES:
            raise TooLarge
        return message

    return bounded


def _guarded(send: Send) -> Send:
    """Send every answer with the headers that keep browsers on our side."""

    async def guarded(message: Message) -> None:
        if message["type"] in _STARTS:
            headers: list[Any] = message.setdefault("headers", [])
            names = {name for name, _ in headers}
            headers.extend(pair for pair in (*GUARDS, NOT_KEPT) if pair[0] not in names)
        await send(message)

    return guarded


async def _turn_away(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    extra = {"www-authenticate": 'Bearer realm="ez"'} if status == 401 else {}
    if status in _AFTER_S:
        extra["retry-after"] = _AFTER_S[status]
    headers = {"connection": "close"} | extra if status in (413, 421) else extra
    response = told(scope["path"], Headers(scope=scope).get("accept", ""), status, problem(status, why), headers)
    await response(scope, receive, _guarded(send))


def role_of(scope: Scope) -> Role | None:
    """The role of whoever asks; None where a route is for everybody and he showed nothing."""
    grant: Grant | None = scope.get("grant")
    return grant.role if grant is not None else None
