"""Which role a request needs, by the table of routes alone."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from ezaigents.access import Role
from ezaigents.api.route import Route, RouteTable
from ezaigents.api.routes import ROUTES


async def _answer(_request: Request) -> Response:
    return Response()


def _way(method: str, path: str, role: Role | None) -> Route:
    return Route(method=method, path=path, role=role, endpoint=_answer, what="")


FINDER = RouteTable([
    _way("GET", "/open", None),
    _way("GET", "/things/{id}", Role.OPERATE),
    _way("POST", "/things/{id}", Role.OPERATE),
    _way("POST", "/things/{id}/look", Role.READ),
])  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/open", None),
        ("HEAD", "/open", None),
        ("GET", "/things/1", Role.OPERATE),
        ("HEAD", "/things/1", Role.OPERATE),
        ("POST", "/things/1", Role.OPERATE),
        ("POST", "/things/1/look", Role.READ),
    ],
)
def test_a_way_of_the_table_needs_what_it_says(method: str, path: str, role: Role | None) -> None:
    """Method and path together name a route; HEAD is as GET."""
    assert FINDER.needed(method, path) is role


@pytest.mark.parametrize(
    "path", ["/", "/things", "/things/", "/things/1/2", "/open/", "/open/more", "//open", "/OPEN", ""]
)
def test_what_is_not_in_the_table_is_for_no_stranger(path: str) -> None:
    """A path that nobody wrote down needs a token to be told so, and the highest role to do anything."""
    assert FINDER.needed("GET", path) is Role.READ
    assert FINDER.needed("HEAD", path) is Role.READ
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "PROPFIND"):
        assert FINDER.needed(method, path) is Role.ADMIN


def test_a_method_that_a_path_has_not_needs_the_highest_role() -> None:
    """A path that is open to everybody is so for its own method alone."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert FINDER.needed(method, "/open") is Role.ADMIN
    assert FINDER.needed("DELETE", "/things/1") is Role.ADMIN


def test_nothing_with_an_effect_is_open_to_everybody() -> None:
    """Of all routes, only safe methods can be taken without a token."""
    assert {route.method for route in ROUTES if route.role is None} <= {"GET", "HEAD"}


def test_nothing_with_an_effect_is_for_readers() -> None:
    """Whoever may only look changes nothing but his own session."""
    assert {route.path for route in ROUTES if route.role is Role.READ and route.method != "GET"} <= {
        "/api/leave", "/api/forecast",
    }  # fmt: skip


def test_every_way_is_there_once() -> None:
    """No route is hidden by another one."""
    known = [(route.method, route.path) for route in ROUTES]
    assert len(known) == len(set(known))
