"""Failures in the providers' own words. Job: error bodies. Not its job: deciding what fails."""

from __future__ import annotations

from typing import Any

from ezaigents.simulate.asked import Refused

_ANTHROPIC = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI = {
    401: "invalid_request_error",
    402: "insufficient_balance",
    429: "requests",
    500: "server_error",
    503: "server_error",
}
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded", 503: "server_is_overloaded"}


def anthropic_failure(refused: Refused, request_id: str) -> dict[str, Any]:
    """An error as Anthropic shapes it."""
    kind = _ANTHROPIC.get(refused.status, "api_error" if refused.status >= 500 else "invalid_request_error")
    error: dict[str, Any] = {"type": kind, "message": refused.message}
    if refused.kind == "spend_limit" and refused.status == 429:
        error["details"] = {"error_code": "enforced_spend_limit_reached"}
    return {"type": "error", "error": error, "request_id": request_id}


def openai_failure(refused: Refused) -> dict[str, Any]:
    """An error as OpenAI shapes it, and all who follow it."""
    kind = _OPENAI.get(refused.status, "server_error" if refused.status >= 500 else "invalid_request_error")
    code = refused.code or _CODES.get(refused.status)
    if refused.kind == "spend_limit":
        kind = code = "insufficient_quota"
    elif refused.kind == "too_long":
        code = "context_length_exceeded"
    elif refused.kind == "unknown_model":
        code = "model_not_found"
    return {"error": {"message": refused.message, "type": kind, "param": refused.param, "code": code}}
