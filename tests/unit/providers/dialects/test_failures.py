"""What an answer of another status than 200 means, by what providers really send."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ezaigents.providers.dialects import DIALECTS, dialect
from ezaigents.providers.errors import CallFailed, FailureKind

_DATE = "Sat, 28 Nov 2026 17:00:00 GMT"
_KEY = "sk-ant-api03-canarycanarycanary"


def failure(status: int, said: Any, headers: dict[str, str] | None = None, name: str = "chat") -> CallFailed:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return dialect(name).failure(status, headers or {}, body)


def _claude(kind: str, message: str = "m", **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}


def _openai(message: str, code: str | int | None = None, kind: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


_RESTING = {"error": {"code": 429, "message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED"}}

_TABLE = [
    (429, _claude("rate_limit_error"), FailureKind.RATE_LIMITED),
    (429, _claude("rate_limit_error", details={"error_code": "ramp_limit_exceeded"}), FailureKind.RATE_LIMITED),
    (429, _claude("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}), FailureKind.SPEND_LIMIT),
    (429, _claude("rate_limit_error", details={"error_code": "contract_spend_limit_reached"}), FailureKind.SPEND_LIMIT),
    (402, _claude("billing_error"), FailureKind.SPEND_LIMIT),
    (400, _claude("invalid_request_error", "Your credit balance is too low to access"), FailureKind.SPEND_LIMIT),
    (
        400,
        _claude("invalid_request_error", "You have reached your specified API usage limits."),
        FailureKind.SPEND_LIMIT,
    ),
    (529, _claude("overloaded_error"), FailureKind.OVERLOADED),
    (500, _claude("api_error"), FailureKind.SERVER),
    (401, _claude("authentication_error", "invalid x-api-key"), FailureKind.BAD_KEY),
    (403, _claude("permission_error"), FailureKind.BAD_KEY),
    (404, _claude("not_found_error", "model: claude-none"), FailureKind.UNKNOWN_MODEL),
    (404, _claude("not_found_error", "Not found"), FailureKind.REJECTED),
    (400, _claude("invalid_request_error", "prompt is too long: 210000 tokens > 200000"), FailureKind.TOO_LONG),
    (400, _claude("invalid_request_error", "messages: text content blocks must be non-empty"), FailureKind.REJECTED),
    (413, _claude("request_too_large"), FailureKind.TOO_LONG),
    (429, _openai("You exceeded your current quota", "insufficient_quota"), FailureKind.SPEND_LIMIT),
    (429, _openai("Rate limit reached", "rate_limit_exceeded", "tokens"), FailureKind.RATE_LIMITED),
    (429, _openai("Request too large for gpt-x", "rate_limit_exceeded", "tokens"), FailureKind.TOO_LONG),
    (429, [_RESTING], FailureKind.RATE_LIMITED),
    (404, _openai("The model `gpt-none` does not exist", "model_not_found"), FailureKind.UNKNOWN_MODEL),
    (403, _openai("Project has no access to model `gpt-x`", "model_not_found"), FailureKind.UNKNOWN_MODEL),
    (400, _openai("Too many tokens", "context_length_exceeded"), FailureKind.TOO_LONG),
    (400, _openai("This model's maximum context length is 8192 tokens", 400), FailureKind.TOO_LONG),
    (400, _openai("Unsupported parameter: 'max_tokens'", "unsupported_parameter"), FailureKind.REJECTED),
    (401, _openai("Incorrect API key provided", "invalid_api_key"), FailureKind.BAD_KEY),
    (
        400,
        [{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}],
        FailureKind.BAD_KEY,
    ),
    (400, {"code": "invalid-argument", "error": "Incorrect API key provided: xa***"}, FailureKind.BAD_KEY),
    (400, _openai("Model Not Exist", "invalid_request_error"), FailureKind.UNKNOWN_MODEL),
    (400, _openai("made/up is not a valid model ID", 400), FailureKind.UNKNOWN_MODEL),
    (402, _openai("Insufficient Balance", "invalid_request_error"), FailureKind.SPEND_LIMIT),
    (404, {"error": "model 'none' not found, try pulling it first"}, FailureKind.UNKNOWN_MODEL),
    (404, b"404 page not found", FailureKind.REJECTED),
    (422, {"detail": [{"type": "extra_forbidden", "msg": "Extra inputs are not permitted"}]}, FailureKind.REJECTED),
    (500, _openai("the request exceeds the available context size"), FailureKind.TOO_LONG),
    (500, _openai("unknown model state"), FailureKind.SERVER),
    (429, _openai("model gpt-x not found in this pool for now", "rate_limit_exceeded"), FailureKind.RATE_LIMITED),
    (408, b"", FailureKind.TIMEOUT),
    (502, b"<html><title>502 Bad Gateway</title></html>", FailureKind.SERVER),
    (503, b"upstream connect error", FailureKind.OVERLOADED),
    (504, b"", FailureKind.SERVER),
    (409, b"{}", FailureKind.REJECTED),
    (302, b"", FailureKind.REJECTED),
]


@pytest.mark.parametrize(("status", "said", "kind"), _TABLE)
def test_each_refusal_has_its_kind(status: int, said: Any, kind: FailureKind) -> None:
    """Status, code and, where there is no code, wording lead to what helps; the same for every dialect."""
    assert {failure(status, said, name=name).kind for name in DIALECTS} == {kind}
    assert failure(status, said).status == status


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": " 12 "}, 12.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Sat, 28 Nov 2026 17:01:30 GMT", "date": _DATE}, 90.0),
        ({"retry-after": "Sat, 28 Nov 2026 16:00:00 GMT", "Date": _DATE}, 0.0),
        ({"retry-after": "Sat, 28 Nov 2026 17:01:30 GMT"}, None),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Sat, 99 Nov 99999 17:01:30 GMT", "date": _DATE}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503, 529])
def test_what_the_provider_asks_for_is_read(status: int, headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates against the answer's own date; nonsense is as if nothing was said."""
    assert failure(status, b"{}", headers).retry_after_s == seconds


def test_a_wait_that_stands_in_the_body_is_read() -> None:
    """Gemini says it there and nowhere else."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "31.5s"}
    assert failure(429, [{"error": {**_RESTING["error"], "details": [info]}}]).retry_after_s == 31.5


@pytest.mark.parametrize(
    ("date", "until"),
    [
        (_DATE, datetime(2026, 12, 1, tzinfo=UTC)),
        ("Thu, 31 Dec 2026 23:59:59 GMT", datetime(2027, 1, 1, tzinfo=UTC)),
        ("Thu, 31 Dec 2026 23:30:00 -0100", datetime(2027, 2, 1, tzinfo=UTC)),
    ],
)
def test_the_monthly_limit_ends_with_the_month(date: str, until: datetime) -> None:
    """By the provider's clock, in UTC; a clock of ours has no part in it."""
    said = _claude("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"})
    assert failure(429, said, {"date": date}).until_ms == until.timestamp() * 1000
    assert failure(429, said).until_ms == 0
    assert failure(429, said, {"date": "Fri, 31 Dec 9999 23:59:59 GMT"}).until_ms == 0


def test_a_limit_says_itself_when_it_ends() -> None:
    """Where the message names the day, that day counts."""
    said = _claude("invalid_request_error", "You will regain access on 2026-12-01 at 00:00 UTC.")
    failed = failure(400, said)
    assert failed.kind is FailureKind.SPEND_LIMIT
    assert failed.until_ms == datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1000
    assert failure(402, _claude("billing_error"), {"date": _DATE}).until_ms == 0


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (_claude("api_error", "Internal\n\tserver \x1b[31merror\x00"), r"Internal server \x1b[31merror\x00"),
        (b"<!DOCTYPE html><html><head><title>\nBad gateway </title></head><body>x</body></html>", "Bad gateway"),
        (b"<html>no title", "it did not say why"),
        (b"\x00\x01\x02\xff\xfe" * 100, "it did not say why"),
        (b"\xff\xfe", "it did not say why"),
        (b"", "it did not say why"),
        (b"null", "it did not say why"),
        (b"[]", "it did not say why"),
        (b"[" * 100_000, "["),
        (b'{"error": {"message": {"a": 1}}}', "it did not say why"),
        (b'"just text"', "just text"),
        (b"plain text", "plain text"),
    ],
)
def test_a_body_of_any_kind_can_be_shown(body: Any, shown: str) -> None:
    """HTML, bytes and control characters do no harm; what can be read is one printable line."""
    message = str(failure(500, body))
    assert shown in message
    assert message.isprintable()


def test_a_message_is_short() -> None:
    """Of what the provider said at most 500 characters are kept."""
    said = failure(500, _claude("api_error", "word " * 100_000))
    assert len(str(said)) < 500 + 60


@pytest.mark.parametrize("padding", [0, 470, 477, 480, 483, 490])
def test_a_key_that_comes_back_is_masked(padding: int) -> None:
    """Some servers repeat the key they refuse; neither it nor a half of it is in the message."""
    failed = failure(401, _claude("authentication_error", "x" * padding + f" bad key {_KEY}"))
    assert _KEY[:9] not in str(failed)


def test_only_gateways_leave_the_outcome_open() -> None:
    """A provider that refuses does not bill; behind a gateway that gave up the model may have worked."""
    billed = {status for status in (400, 401, 408, 429, 500, 502, 503, 504, 529) if failure(status, b"").may_be_billed}
    assert billed == {408, 502, 504}
