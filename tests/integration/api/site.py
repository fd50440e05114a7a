"""A fleet at work with its site open, in the test's own process, and ways to ask it: a client, and bare sockets.

async with open_site(settings) as site:
    answer = await site.get("/api/me")

Whatever is answered must be in the OpenAPI document, be JSON of the type that is promised there, and carry the headers
that keep browsers on our side.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx2
import msgspec
from starlette.routing import compile_path
from tests.integration.runtime.fleets import Yard, agent, at_once, working

from ezaigents.access import Access, Role
from ezaigents.agents import Declared
from ezaigents.api import LazyListener, bind_listener
from ezaigents.api.failing import PROBLEM, ProblemDetails
from ezaigents.api.openapi import document
from ezaigents.api.routes import ROUTES
from ezaigents.api.wire import BoundedProtocol
from ezaigents.home import home_id
from ezaigents.settings import Settings

GUARDS = {
    "content-security-policy": "default-src 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
ANSWER_S = 20.0
JOB = {"prompt": "What is here?", "agent": "a"}
_ROUTES = [(compile_path(route.path)[0], route) for route in ROUTES]
_PARAM = re.compile(r"\{(\w+)(?::\w+)?\}")
_PATHS = document(ROUTES, "")["paths"]


class Site:
    """What a test sees of the site."""

    def __init__(self, settings: Settings, yard: Yard, listener: LazyListener) -> None:
        self.settings = settings
        self.yard = yard
        self.listener = listener
        self.port = listener.port
        self.host = f"127.0.0.1:{listener.port}"
        self.origin = f"http://{self.host}"
        self.access = Access(settings.home_path)
        self.cookie = f"ez-{home_id(settings.home_path)}"
        self.client = httpx2.AsyncClient(
            base_url=self.origin, timeout=ANSWER_S, trust_env=False, event_hooks={"response": [_is_as_promised]}
        )
        self.token = ""

    def give(self, role: Role) -> str:
        """A token of this role."""
        return self.access.give(role, f"a {role.value}").text

    def session(self, role: Role = Role.ADMIN) -> str:
        """The Cookie header of a browser that followed a link."""
        given = self.access.redeem(self.access.give_link(role).text)
        assert given is not None
        return f"{self.cookie}={given.text}"

    async def ask(
        self, method: str, path: str, json: Any = None, *, token: str | None = None, **more: Any
    ) -> httpx2.Response:
        """One request with the host's own token, or another, "" = none."""
        headers = dict(more.pop("headers", {}))
        if token is None:
            token = self.token or self.access.own_token()
            self.token = token
        if token:
            headers.setdefault("authorization", f"Bearer {token}")
        if json is not None:
            more["json"] = json
        return await self.client.request(method, path, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        return await self.ask("POST", path, {} if json is None else json, **more)

    async def accepted(self) -> int:
        """How many tasks were ever taken."""
        return (await self.yard.queue.counts())["accepted"]

    async def is_answered(self, limit_s: float = ANSWER_S) -> bool:
        """Whether somebody with the host's own token who comes now gets his answer in time."""
        async with asyncio.timeout(limit_s):
            return (await self.say(self.request())).status == 200

    # -- work ----------------------------------------------------------------------------------------------------

    def write(self, *names: str) -> None:
        """Make small files of the workspace."""
        for name in names:
            (self.settings.workspace_path / name).write_text("x\n")

    async def hand_in(self, **more: Any) -> list[dict[str, Any]]:
        """Hand in a job over HTTP and return its tasks."""
        answer = await self.post("/api/tasks", {**JOB, **more})
        assert answer.status_code == 201, answer.text
        return list(answer.json()["tasks"])

    async def finish(self, **more: Any) -> list[dict[str, Any]]:
        """Hand in a job over HTTP, wait for its end, and return its tasks as they were handed in."""
        rows = await self.hand_in(**more)
        await self.yard.ended([row["id"] for row in rows])
        return rows

    # -- bare sockets --------------------------------------------------------------------------------------------

    def connect(self) -> Line:
        """A connection that says nothing yet; it is made before this returns."""
        made = socket.create_connection(("127.0.0.1", self.port), ANSWER_S)
        made.setblocking(False)
        return Line(made)

    async def say(self, request: bytes) -> RawAnswer:
        """Send bytes on a connection of their own and read one answer."""
        with self.connect() as line:
            await line.send(request)
            return await line.answer()

    def request(
        self, method: str = "GET", path: str = "/api/me", *lines: str, host: str = "", body: bytes = b""
    ) -> bytes:
        """The bytes of a request with the host's own token; `lines`: further headers."""
        if not self.token:
            self.token = self.access.own_token()
        head = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host or self.host}",
            f"Authorization: Bearer {self.token}",
            *lines,
        ]
        return "\r\n".join([*head, "", ""]).encode("latin-1") + body


class RawAnswer(msgspec.Struct, frozen=True):
    """An answer as it came. `status`: 0 = the connection ended without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Line:
    """A bare connection."""

    def __init__(self, made: socket.socket) -> None:
        self.socket = made
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    async def send(self, data: bytes) -> bool:
        """Whether all of it could be sent."""
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self.socket, data), ANSWER_S)
        except (ConnectionError, TimeoutError):
            return False
        return True

    async def answer(self) -> RawAnswer:
        """Read one answer; its length must be said in its head."""
        while b"\r\n\r\n" not in self._read:
            if not await self._more():
                return RawAnswer(0, {}, self._read)
        head, _, rest = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(rest) < length and (more := await self._more()):
            rest += more
        self._read = rest[length:]
        return RawAnswer(int(first.split()[1]), headers, rest[:length])

    async def hears(self, text: bytes, limit_s: float = ANSWER_S) -> bool:
        """Whether these bytes come, in what is left of what was read or later."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while text not in self._read and await self._more():
                    pass
        return text in self._read

    async def is_over(self, limit_s: float = ANSWER_S) -> bool:
        """Whether the other side ends the connection; what it says before that does not count."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while await self._more():
                    pass
                return True
        return False

    def is_open(self) -> bool:
        """Whether it has not been ended yet, as far as it can be seen now."""
        try:
            return self.socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False

    async def _more(self) -> bytes:
        try:
            data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 65536), ANSWER_S)
        except ConnectionError:
            return b""
        self._read += data
        return data


@asynccontextmanager
async def open_site(settings: Settings, *agents: Declared, **changed: Any) -> AsyncIterator[Site]:
    """A fleet whose agents, or one, `a`, that is done at once, are at work; and its site. `changed`: settings."""
    settings = msgspec.structs.replace(settings, port=0, **changed)
    async with working(settings, *(agents or (agent(at_once),))) as yard:
        listener = bind_listener(settings)
        listener.open()
        site = Site(settings, yard, listener)
        try:
            async with site.client:
                yield site
        finally:
            await listener.close()


async def _is_as_promised(answer: httpx2.Response) -> None:
    """What is answered is in the document, and of the media type and the type that are promised there."""
    are_guarded(answer.headers)
    body, status = await answer.aread(), answer.status_code
    method = "GET" if answer.request.method == "HEAD" else answer.request.method
    media = answer.headers.get("content-type", "").partition(";")[0]
    route = next(
        (one for pattern, one in _ROUTES if one.method == method and pattern.match(answer.request.url.path)), None
    )
    assert status != 500, body
    if route is not None:
        promised = _PATHS[_PARAM.sub(r"{\1}", route.path)][method.lower()]["responses"]
        assert str(status) in promised, (
            f"{method} {route.path} answers {status}, and promises {sorted(promised)}: {body!r}"
        )
        medias = promised[str(status)].get("content", {})
        assert not body or media in medias, (
            f"{method} {route.path} answers {status} with {media}, and promises {medias}"
        )
    if route is not None and route.fails is not None and status >= 400:
        assert not body or _fits(body, route.fails), body
    elif media == PROBLEM:
        assert not body or msgspec.json.decode(body, type=ProblemDetails).status == status
    elif route is not None and route.gives is not None and body:
        kinds = route.gives if isinstance(route.gives, tuple) else (route.gives,)
        assert any(_fits(body, kind) for kind in kinds), body


def strangers() -> int:
    """How many connections have shown no token, or no session."""
    return len(BoundedProtocol._strangers)


def are_guarded(headers: Mapping[str, str]) -> None:
    """An answer carries what keeps browsers on our side."""
    for name, start in GUARDS.items():
        assert headers.get(name, "").startswith(start), name
    assert "cache-control" in headers


def _fits(body: bytes, kind: Any) -> bool:
    try:
        msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        return False
    return True
