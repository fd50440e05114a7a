"""Errors as programs meet them: RFC 9457 problem details. Job: one error to status, title and words; pure.

Every error that this site answers with is a ProblemDetails, and is encoded here. Not its job: deciding what is an
error. What nobody foresaw is written down by the server and told without its details.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from ezaigents.api.chat.errors import is_openai, of_problem
from ezaigents.codec import from_json, printable, to_json
from ezaigents.errors import (
    ConfigError,
    EngineFull,
    EzError,
    HostConflict,
    InputError,
    KeyConflict,
    LimitReached,
    QueueFull,
    RetryLater,
    TaskGone,
)

PROBLEM = "application/problem+json"
_STATUS: tuple[tuple[type[EzError], int], ...] = (
    (TaskGone, 404),
    (KeyConflict, 409),
    (HostConflict, 409),
    (InputError, 422),
    (QueueFull, 503),
    (EngineFull, 507),
    (RetryLater, 503),
    (LimitReached, 402),
    (ConfigError, 500),
)
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title} · Ez Aigents</title>
<main><h1>{title}</h1><p>{detail}</p><p><a href="/">To the fleet</a></p></main></html>
"""
_RETRY_AFTER_S = 5
_LATER = (503, 507)


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457: what happened, to what, and the way out. `field`: what in the request is wrong."""

    type: str
    title: str
    status: int
    detail: str
    field: str = ""


def status_of(error: EzError) -> int:
    """The status that tells best what kind of error it is; 409 for those that only this request meets."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 409)


def problem(status: int, detail: str, field: str = "") -> bytes:
    """A problem as JSON. `detail`: what happened, to what, and the way out."""
    title = HTTPStatus(status).phrase
    return to_json(
        ProblemDetails(type="about:blank", title=title, status=status, detail=printable(detail), field=printable(field))
    )


def problem_of(error: EzError) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an error of ours."""
    status = status_of(error)
    headers = {"retry-after": str(_RETRY_AFTER_S)} if status in _LATER else {}
    return status, problem(status, str(error), error.field if isinstance(error, InputError) else ""), headers


def told(path: str, accept: str, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as an answer: JSON, or a plain page for a person whose browser asked for one (`accept`).

    `path`: what was asked for; beneath /v1 OpenAI's clients ask, and get its form.
    """
    if is_openai(path):
        return Response(of_problem(status, body), status, headers, "application/json")
    if "text/html" not in accept or "json" in accept:
        return Response(body, status, headers, PROBLEM)
    from html import escape  # its tables of names are large

    said = from_json(body, ProblemDetails)
    page = _PAGE.format(title=escape(said.title), detail=escape(said.detail))
    return Response(page, status, headers, "text/html")
