"""The OpenAPI document: it holds every route, nothing else, and is what OpenAPI 3.1 asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from ezaigents.api.openapi import document
from ezaigents.api.routes import ROUTES
from ezaigents.ids import is_id

DOCUMENT = document(ROUTES, "1.2.3")
_PARAM = re.compile(r"\{(\w+)(?::\w+)?\}")
_STATUS = re.compile(r"[1-5]\d\d\Z")
_COMPONENT = re.compile(r"[A-Za-z0-9._-]+\Z")


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def _refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _refs(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _refs(value)


def test_it_holds_every_way_and_nothing_else() -> None:
    """Each method and path of the table is an operation, and each operation is in the table."""
    told = {(method, path) for method, path, _ in _operations()}
    assert told == {(route.method.lower(), _PARAM.sub(r"{\1}", route.path)) for route in ROUTES}


def test_it_says_what_it_is() -> None:
    """The version of OpenAPI, and the title and version of the interface, are there."""
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["title"] == "Ez Aigents"
    assert DOCUMENT["info"]["version"] == "1.2.3"
    assert set(DOCUMENT) <= {"openapi", "info", "servers", "paths", "components", "security", "tags"}


def test_it_is_plain_json() -> None:
    """It survives being written and read, so it holds nothing but JSON."""
    written = msgspec.json.encode(DOCUMENT)
    assert msgspec.json.encode(msgspec.json.decode(written)) == written


def test_every_reference_leads_somewhere() -> None:
    """Each $ref names a schema of the document, and each schema is named by one."""
    refs = set(_refs(DOCUMENT))
    assert refs
    for ref in refs:
        assert ref.startswith("#/")
        part: Any = DOCUMENT
        for name in ref[2:].split("/"):
            part = part[name.replace("~1", "/").replace("~0", "~")]
        assert isinstance(part, dict)
    assert {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} == refs
    assert all(_COMPONENT.match(name) for name in DOCUMENT["components"]["schemas"])


def test_every_operation_has_a_name_of_its_own() -> None:
    """Programs that are generated from it call each operation by its operationId."""
    names = [operation["operationId"] for _, _, operation in _operations()]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)


def test_every_operation_is_put_into_words() -> None:
    """Each has a summary, responses by status, and each response a description, as the standard asks."""
    for method, path, operation in _operations():
        assert operation["summary"], (method, path)
        assert operation["responses"], (method, path)
        for status, response in operation["responses"].items():
            assert _STATUS.match(status)
            assert response["description"]


def test_every_parameter_of_a_path_is_described_once() -> None:
    """What is in braces in a path is a required parameter, and none is named twice."""
    for _, path, operation in _operations():
        parameters = operation.get("parameters", [])
        inside = [one["name"] for one in parameters if one["in"] == "path"]
        assert sorted(inside) == sorted(_PARAM.findall(path))
        assert all(one["required"] for one in parameters if one["in"] == "path")
        assert {one["in"] for one in parameters} <= {"path", "query", "header"}
        assert len(parameters) == len({(one["in"], one["name"]) for one in parameters})
        assert all("schema" in one for one in parameters)


def test_the_pattern_of_ids_is_that_of_our_ids() -> None:
    """What the document calls an id is what is taken for one."""
    patterns = {
        one["schema"]["pattern"]
        for _, _, operation in _operations()
        for one in operation.get("parameters", [])
        if one["in"] == "path" and "pattern" in one["schema"]
    }
    for pattern in patterns:
        for text in (
            "01m8j31aa645wf03eb",
            "0" * 18,
            "i" * 18,
            "l" * 18,
            "o" * 18,
            "u" * 18,
            "0" * 17,
            "0" * 19,
            "A" * 18,
        ):
            assert bool(re.search(pattern, text)) == is_id(text), text


def test_bodies_are_described_where_they_are_read() -> None:
    """An operation that takes a body says which; one that takes none has none; a safe one never does."""
    by_name = {operation["operationId"]: (method, operation) for method, _, operation in _operations()}
    for route in ROUTES:
        method, operation = by_name[route.endpoint.__name__]
        assert ("requestBody" in operation) == (route.takes is not None)
        if route.takes is not None:
            assert method not in ("get", "head")
            assert set(operation["requestBody"]["content"]) == {"application/json"}
            assert {"413", "415", "400" if route.fails else "422"} <= set(operation["responses"])


def test_another_form_of_errors_and_of_answers_is_described() -> None:
    """A route whose errors have another form says so for each, and one that can stream names its events."""
    found = {route.endpoint.__name__: route for route in ROUTES if route.fails or route.streams}
    assert set(found) == {"chat_completions", "list_models"}
    own = [operation for _, _, operation in _operations() if operation["operationId"] in found]
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAIError"}}}
    for operation in own:
        failing = [one for status, one in operation["responses"].items() if status >= "400"]
        assert failing
        assert all(one["content"] == error for one in failing)
    [streaming] = [operation for operation in own if found[operation["operationId"]].streams]
    assert set(streaming["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}


def test_who_may_take_it_is_said() -> None:
    """An operation without security is one for everybody; every other says the role and its refusals."""
    by_name = {operation["operationId"]: operation for _, _, operation in _operations()}
    for route in ROUTES:
        operation = by_name[route.endpoint.__name__]
        assert (operation.get("security") == []) == (route.role is None)
        assert operation.get("x-role") == (route.role.value if route.role else None)
        assert "421" in operation["responses"]
        if route.role is not None:
            assert {"401", "403", "429"} <= set(operation["responses"])
    assert DOCUMENT["security"] == [{"bearer": []}]
    assert "bearer" in DOCUMENT["components"]["securitySchemes"]


@pytest.mark.parametrize("name", ["TaskDetail", "RunResult", "ProblemDetails"])
def test_what_is_promised_is_described(name: str) -> None:
    """The shapes that programs rely on are in it by name, with their fields."""
    assert DOCUMENT["components"]["schemas"][name]["properties"]
