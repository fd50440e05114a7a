"""Errors in OpenAI's form, for routes under /v1. Job: one error to status, words, code and headers; pure.

OpenAI's clients raise by status, and try 408, 409, 429 and 5xx again by themselves: where that cannot help they are
told so (`x-should-retry`). Not its job: the form of all other routes (failing).
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ezaigents.budget import BudgetRefused
from ezaigents.codec import from_json, printable, to_json
from ezaigents.errors import AgentUnavailable, EzError, InputError, LimitReached, RetryLater
from ezaigents.providers import CallFailed, FailureKind, RoutesBusy

PREFIX = "/v1/"
_RETRY_AFTER_S = 5
_NO_RETRY = {"x-should-retry": "false"}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}
_CODES = {
    401: "invalid_api_key",
    403: "forbidden",
    404: "not_found",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    503: "unavailable",
}


class OpenAIErrorDetails(msgspec.Struct, frozen=True, kw_only=True):
    """`param`: what in the request is wrong. `code`: the reason, for programs."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, and the way out."""

    error: OpenAIErrorDetails


class UnknownModel(InputError):
    """No agent that asks models is called so."""

    def __init__(self, message: str) -> None:
        super().__init__("model", message)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it is answered."""

    status: int
    error: OpenAIErrorDetails
    headers: dict[str, str] = {}

    def body(self) -> bytes:
        """As JSON."""
        return to_json(OpenAIError(error=self.error))


def is_openai(path: str) -> bool:
    """Whether errors of this path have OpenAI's form."""
    return path.startswith(PREFIX)


def of_problem(status: int, body: bytes) -> bytes:
    """A problem of ours in OpenAI's form."""
    said = from_json(body, dict[str, Any])
    return _refusal(status, said["detail"], param=said.get("field")).body()


def refusal_of(error: EzError) -> Refusal:
    """An error of ours in OpenAI's form."""
    match error:
        case AgentUnavailable():
            words = f"{error.agent} cannot answer now: {error.reason}"
            return _refusal(503, words, code="agent_unavailable", param="model", headers=_NO_RETRY)
        case UnknownModel():
            return _refusal(404, error.message, code="model_not_found", param="model")
        case InputError():
            return _refusal(400, f"{error.field}: {error.message}", param=error.field)
        case BudgetRefused():
            return _over_budget(error)
        case LimitReached():
            return _refusal(429, str(error), code="insufficient_quota", kind="insufficient_quota", headers=_NO_RETRY)
        case CallFailed():
            return _failed(error)
        case RoutesBusy():
            return _later(error, error.delay_s)
        case RetryLater():
            return _later(error, _RETRY_AFTER_S)
    return _refusal(503, str(error), headers=_NO_RETRY)


def _over_budget(error: BudgetRefused) -> Refusal:
    """Over a limit of money for good, or only until calls on their way have given back what they do not need."""
    if error.may_pass:
        return _later(error, _RETRY_AFTER_S, status=429)
    words = f"{error.facts}; raise {error.setting}, or ask for fewer tokens"
    return _refusal(429, words, code="insufficient_quota", kind="insufficient_quota", headers=_NO_RETRY)


def _failed(error: CallFailed) -> Refusal:
    """A call that no route takes. Without a status no provider was asked: nobody knows what it costs, say."""
    if error.kind is FailureKind.TOO_LONG:
        return _refusal(400, str(error), code="context_length_exceeded", param="messages")
    if not error.is_for_good:
        return _later(error, error.retry_after_s or _RETRY_AFTER_S)
    if error.status:
        return _refusal(400, str(error), code="provider_refused")
    return _refusal(503, str(error), headers=_NO_RETRY)


def _later(error: EzError, delay_s: float, *, status: int = 503) -> Refusal:
    return _refusal(status, str(error), headers={"retry-after": str(max(1, math.ceil(delay_s)))})


def _refusal(
    status: int,
    words: str,
    *,
    code: str | None = None,
    param: str | None = None,
    kind: str | None = None,
    headers: dict[str, str] | None = None,
) -> Refusal:
    usual = _TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    details = OpenAIErrorDetails(
        message=printable(words), type=kind or usual, param=param, code=code or _CODES.get(status)
    )
    return Refusal(status=status, error=details, headers=headers or {})
