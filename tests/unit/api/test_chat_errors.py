"""Errors as OpenAI's clients know them."""

from __future__ import annotations

import msgspec
import pytest

from ezaigents.api.chat.errors import OpenAIError, UnknownModel, is_openai, of_problem, refusal_of
from ezaigents.api.chat.listening import BrokenOff
from ezaigents.api.failing import problem
from ezaigents.budget import BudgetRefused
from ezaigents.errors import (
    AgentUnavailable,
    ConfigError,
    EngineDown,
    EzError,
    InputError,
    LimitReached,
    NotRunning,
)
from ezaigents.providers import CallFailed, FailureKind, NoRoute, RoutesBusy

_SPENT = BudgetRefused("day:2026-11-29", limit=100, spent=90, reserved=0, wanted=20)
_HELD = BudgetRefused("day:2026-11-29", limit=100, spent=10, reserved=80, wanted=20)


@pytest.mark.parametrize(
    ("error", "status", "code", "again"),
    [
        (UnknownModel("no agent"), 404, "model_not_found", None),
        (InputError("model", "Expected `str`, got `int`"), 400, None, None),
        (InputError("n", "takes 1"), 400, None, None),
        (AgentUnavailable("claude", "no key"), 503, "agent_unavailable", False),
        (_SPENT, 429, "insufficient_quota", False),
        (_HELD, 429, "rate_limit_exceeded", True),
        (BudgetRefused("call", limit=5, spent=0, reserved=0, wanted=20), 429, "insufficient_quota", False),
        (LimitReached("no more"), 429, "insufficient_quota", False),
        (CallFailed(FailureKind.TOO_LONG, "long", status=400), 400, "context_length_exceeded", None),
        (CallFailed(FailureKind.REJECTED, "no", status=422), 400, "provider_refused", None),
        (CallFailed(FailureKind.UNKNOWN_MODEL, "no", status=404), 400, "provider_refused", None),
        (CallFailed(FailureKind.REJECTED, "no price"), 503, "unavailable", False),
        (CallFailed(FailureKind.SERVER, "down", status=500), 503, "unavailable", True),
        (RoutesBusy("busy", 12.3), 503, "unavailable", True),
        (NoRoute("none"), 503, "unavailable", False),
        (EngineDown("down"), 503, "unavailable", True),
        (NotRunning("no host"), 503, "unavailable", True),
        (BrokenOff(), 503, "unavailable", True),
        (ConfigError("broken"), 503, "unavailable", False),
    ],
)
def test_each_error_says_what_to_do(error: EzError, status: int, code: str | None, again: bool | None) -> None:
    """Status and code say what is wrong; what may pass says when, and what does not is not tried again."""
    refusal = refusal_of(error)
    told = msgspec.json.decode(refusal.body(), type=OpenAIError).error
    assert (refusal.status, told.code) == (status, code)
    assert ("retry-after" in refusal.headers) == (again is True)
    assert (refusal.headers.get("x-should-retry") == "false") == (again is False)
    assert told.message


def test_words_and_places() -> None:
    """The words are ours; a limit names its setting, an input its field, a wait its end."""
    assert "budget_day_usd" in refusal_of(_SPENT).error.message
    assert "ez retry" not in refusal_of(_SPENT).error.message
    assert "budget_task_usd" in refusal_of(BudgetRefused("call", limit=5, spent=0, reserved=0, wanted=9)).error.message
    assert refusal_of(InputError("n", "takes 1")).error.param == "n"
    assert refusal_of(AgentUnavailable("claude", "no key")).error.message == "claude cannot answer now: no key"
    assert refusal_of(RoutesBusy("busy", 12.3)).headers == {"retry-after": "13"}
    assert refusal_of(InputError("x", "a\x1b[2J")).error.message == "x: a\\x1b[2J"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, "authentication_error", "invalid_api_key"),
        (403, "permission_error", "forbidden"),
        (404, "invalid_request_error", "not_found"),
        (413, "invalid_request_error", "request_too_large"),
        (415, "invalid_request_error", None),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", None),
        (503, "server_error", "unavailable"),
    ],
)
def test_what_the_gate_says_has_the_same_form(status: int, kind: str, code: str | None) -> None:
    """A problem of ours is the same error in the other form."""
    told = msgspec.json.decode(of_problem(status, problem(status, "no", field="x")), type=OpenAIError).error
    assert (told.message, told.type, told.code, told.param) == ("no", kind, code, "x")


def test_only_openais_routes_have_it() -> None:
    """All other routes keep their own."""
    assert is_openai("/v1/chat/completions")
    assert not any(map(is_openai, ("/api/v1/x", "/v1", "/v10/x", "/")))
