"""Errors that come in an answer of status 200."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ezaigents.providers.dialects import dialect
from ezaigents.providers.errors import CallFailed, FailureKind
from ezaigents.records import Usage

ROUTE = "somebody:some-model"
_START = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}}
_CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi"}}], "usage": {"prompt_tokens": 9}}


def failed(name: str, *events: dict[str, Any]) -> CallFailed:
    reading = dialect(name).reading(route=ROUTE)
    body = "".join(f"event: {event.get('type', '')}\ndata: {json.dumps(event)}\n\n" for event in events)
    with pytest.raises(CallFailed) as caught:
        reading.feed(body.encode())
    with pytest.raises(CallFailed) as again:
        reading.reply()
    assert again.value is caught.value
    return caught.value


@pytest.mark.parametrize(
    ("kind", "means"),
    [
        ("overloaded_error", FailureKind.OVERLOADED),
        ("rate_limit_error", FailureKind.RATE_LIMITED),
        ("api_error", FailureKind.SERVER),
        ("authentication_error", FailureKind.BAD_KEY),
        ("billing_error", FailureKind.SPEND_LIMIT),
        ("request_too_large", FailureKind.TOO_LONG),
        ("invalid_request_error", FailureKind.REJECTED),
        ("novelty_error", FailureKind.SERVER),
    ],
)
def test_anthropics_error_event_has_its_kind(kind: str, means: FailureKind) -> None:
    """The kind is that of the status which the error would have had."""
    error = {"type": "error", "error": {"type": kind, "message": "m"}}
    caught = failed("anthropic", _START, error)
    assert (caught.kind, caught.status, caught.may_be_billed) == (means, 200, True)
    assert caught.usage == Usage(input=9, output=1)
    assert not failed("anthropic", error).may_be_billed


@pytest.mark.parametrize(
    ("events", "means"),
    [
        ([{"type": "error", "code": "server_error", "message": "m", "sequence_number": 1}], FailureKind.SERVER),
        ([{"type": "error", "code": "rate_limit_exceeded", "message": "m"}], FailureKind.RATE_LIMITED),
        ([{"type": "error", "error": {"code": "insufficient_quota", "message": "m"}}], FailureKind.SPEND_LIMIT),
        (
            [{"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"}}}],
            FailureKind.SERVER,
        ),
        (
            [{"type": "response.failed", "response": {"error": {"code": "context_length_exceeded", "message": "m"}}}],
            FailureKind.TOO_LONG,
        ),
        ([{"type": "response.failed", "response": {"status": "failed", "error": None}}], FailureKind.SERVER),
        ([{"type": "response.completed", "response": {"status": "failed", "output": []}}], FailureKind.SERVER),
    ],
)
def test_responses_that_failed_say_so(events: list[dict[str, Any]], means: FailureKind) -> None:
    """An error event, and the last event of a response that failed, are failures of their kind."""
    assert failed("responses", *events).kind is means


@pytest.mark.parametrize(
    ("event", "means"),
    [
        ({"error": {"code": 502, "message": "m"}, "choices": [{"finish_reason": "error"}]}, FailureKind.SERVER),
        ({"error": {"code": 429, "message": "m"}}, FailureKind.RATE_LIMITED),
        ({"error": {"type": "overloaded_error", "message": "m"}}, FailureKind.OVERLOADED),
        ({"error": "it broke"}, FailureKind.SERVER),
        ({"choices": [{"error": {"code": 503, "message": "m"}}]}, FailureKind.OVERLOADED),
    ],
)
def test_a_chunk_that_is_an_error_is_one(event: dict[str, Any], means: FailureKind) -> None:
    """Servers send it as a chunk, beside a choice or in one."""
    caught = failed("chat", _CHUNK, event)
    assert (caught.kind, caught.may_be_billed, caught.usage) == (means, True, Usage(input=9))
    assert not failed("chat", event).may_be_billed


@pytest.mark.parametrize(
    ("finish", "means"), [("insufficient_system_resource", FailureKind.OVERLOADED), ("error", FailureKind.SERVER)]
)
def test_a_finish_that_is_a_failure_is_one(finish: str, means: FailureKind) -> None:
    """Some servers put a failure where the reason of the end stands."""
    body = json.dumps({"choices": [{"message": {"content": "Hi"}, "finish_reason": finish}]}).encode()
    with pytest.raises(CallFailed) as caught:
        dialect("chat").reply(body, route=ROUTE)
    assert caught.value.kind is means


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}),
        ("responses", {"status": "failed", "output": [], "error": {"code": "overloaded", "message": "m"}}),
        ("chat", {"error": {"code": 529, "message": "m"}}),
    ],
)
def test_a_whole_body_that_is_an_error_is_one(name: str, body: dict[str, Any]) -> None:
    """Status 200 does not make an error an answer."""
    with pytest.raises(CallFailed) as caught:
        dialect(name).reply(json.dumps(body).encode(), route=ROUTE)
    assert caught.value.kind is FailureKind.OVERLOADED


@pytest.mark.parametrize("name", ["anthropic", "responses", "chat"])
@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b"", b"<html>", b'{"choices": []}', b'{"content": null}'])
def test_a_body_without_an_answer_is_broken(name: str, body: bytes) -> None:
    """What holds no answer is not an empty one."""
    with pytest.raises(CallFailed) as caught:
        dialect(name).reply(body, route=ROUTE)
    assert (caught.value.kind, caught.value.may_be_billed) == (FailureKind.BROKEN, True)


@pytest.mark.parametrize("name", ["anthropic", "responses", "chat"])
def test_a_body_has_a_bound(name: str) -> None:
    """A body larger than any answer is not read."""
    with pytest.raises(CallFailed, match="bytes"):
        dialect(name).reply(b" " * (32 * 1024 * 1024 + 1), route=ROUTE)
