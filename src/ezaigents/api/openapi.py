"""The OpenAPI 3.1 document. Job: the table of routes as a document; pure. Not its job: serving it (routes/description).

Nothing in it is written by hand: paths and words come from the routes, schemas from the types that are decoded and
encoded, so that it cannot say other than what is done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from ezaigents.api.answers import JSON
from ezaigents.api.failing import PROBLEM, ProblemDetails
from ezaigents.api.route import SAFE, Route

_PARAM = re.compile(r"\{(\w+)(?::\w+)?\}")
_ID = {"type": "string", "pattern": "^[0-9a-hjkmnp-tv-z]{18}$"}
_ALWAYS = (401, 403, 421, 429, 503)
_WITH_BODY = (413, 415)


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole document of these routes."""
    types = [kind for route in routes for kind in _types(route) if kind is not None]
    schemas, components = msgspec.json.schema_components(
        [*types, ProblemDetails], ref_template="#/components/schemas/{name}"
    )
    known = iter(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        takes = next(known) if route.takes is not None else None
        given = [next(known) for _ in _each(route.gives)]
        gives = {"anyOf": given} if len(given) > 1 else next(iter(given), None)
        streams = next(known) if route.streams is not None else None
        fails = next(known) if route.fails is not None else None
        path = _PARAM.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, takes, gives, streams, fails)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ez Aigents", "version": version, "description": "A fleet of agents over HTTP."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}],
    }


def _each(gives: Any) -> tuple[Any, ...]:
    return gives if isinstance(gives, tuple) else () if gives is None else (gives,)


def _types(route: Route) -> tuple[Any, ...]:
    return route.takes, *_each(route.gives), route.streams, route.fails


def _operation(route: Route, takes: Any, gives: Any, streams: Any, fails: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.endpoint.__name__,
        "summary": route.what,
        "responses": {str(code): _response(route, gives, streams) for code in (route.status, *route.also)}
        | _problems(route, fails),
    }
    if route.role is None:
        operation["security"] = []
    else:
        operation["x-role"] = route.role.value
    parameters = [{"name": name, "in": "path", "required": True, "schema": _ID} for name in _PARAM.findall(route.path)]
    parameters += [
        {"name": one.name, "in": one.where, "schema": one.schema, "description": one.what} for one in route.queries
    ]
    if parameters:
        operation["parameters"] = parameters
    if takes is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": takes}}}
    return operation


def _response(route: Route, gives: Any, streams: Any) -> dict[str, Any]:
    if gives is None:
        return {"description": route.what} | ({"content": {route.given_as: {}}} if route.given_as else {})
    content: dict[str, Any] = {route.given_as: {"schema": gives}} | {media: {} for media in route.also_as}
    if streams is not None:
        content["text/event-stream"] = {"schema": streams}
    return {"description": route.what, "content": content}


def _problems(route: Route, fails: Any) -> dict[str, Any]:
    body = {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    if fails is not None:
        body = {JSON: {"schema": fails}}
    always = _ALWAYS if route.role is not None else (403, 413, 421)
    codes = {*always, *route.raises, *(_WITH_BODY if route.takes is not None else ())}
    found: dict[str, Any] = {
        str(code): {"description": "see `detail`" if fails is None else "see `error.message`", "content": body}
        for code in sorted(codes)
    }
    if route.method in SAFE and route.gives is not None:
        found["304"] = {"description": "what the ETag names is what there is"}
    return found
