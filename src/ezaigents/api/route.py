"""One route: a method, a path, and who may take it. Job: the table all else is made from; pure.

The gate, the router and the OpenAPI document read the same table, so that none of them knows a route the others do
not. Not its job: answering (the files in `routes`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from ezaigents.access import Role

Endpoint = Callable[[Request], Awaitable[Response]]
SAFE = frozenset({"GET", "HEAD"})


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter that may be given, in the query string or in a header. `schema`: its JSON schema."""

    name: str
    schema: dict[str, Any]
    what: str
    where: Literal["query", "header"] = "query"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """`role`: who may take it, None = everybody. `takes`, `gives`: the types of what goes in and comes out as JSON.

    `gives` may be several, one of which comes out.
    `also`: other statuses with which `gives` comes out. `raises`: the problems it answers with besides those of every
    route. `given_as`: the media type that comes out; `also_as`: others, by Accept. `streams`: the type of the events
    that come out instead where that is asked for. `fails`: the type of its problems, None = as everywhere.
    """

    method: str
    path: str
    role: Role | None
    endpoint: Endpoint
    what: str
    takes: Any = None
    gives: Any = None
    status: int = 200
    queries: tuple[Query, ...] = ()
    also: tuple[int, ...] = ()
    raises: tuple[int, ...] = ()
    given_as: str = "application/json"
    also_as: tuple[str, ...] = ()
    streams: Any = None
    fails: Any = None


class RouteTable:
    """Who may do what, before anything is routed."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [(compile_path(route.path)[0], route) for route in routes]

    def needed(self, method: str, path: str) -> Role | None:
        """The role that a request needs; None = it is for everybody. What is not in the table is for nobody below."""
        method = "GET" if method == "HEAD" else method
        for pattern, route in self._routes:
            if route.method == method and pattern.match(path):
                return route.role
        return Role.READ if method in SAFE else Role.ADMIN
