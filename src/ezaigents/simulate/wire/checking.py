"""Reading a request's body into a record. Job: say what does not fit, and where. Not its job: each provider's words."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from ezaigents.simulate.asked import Refused

_T = TypeVar("_T")
_AT = re.compile(r" - at `([^`]*)`\Z")
_FIELD = re.compile(r"(?:missing required|contains unknown) field `([^`]*)`")


class Why(StrEnum):
    """How a value does not fit."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    WRONG = "wrong"


class Misfit(Exception):
    """`path`: the field, such as `messages.0.content`."""

    def __init__(self, why: Why, path: str, message: str) -> None:
        super().__init__(message)
        self.why = why
        self.path = path
        self.message = message


def plain_object(body: bytes) -> dict[str, Any]:
    """Decode a JSON object. Raises Refused: there is no provider that takes anything else."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"The request body is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise Refused(400, "The request body must be a JSON object.")
    return found


def fit(found: object, kind: type[_T]) -> _T:
    """Turn plain data into a record. Raises Misfit."""
    try:
        return msgspec.convert(found, type=kind)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from None


def _misfit(words: str) -> Misfit:
    place = _AT.search(words)
    path = _dotted(place.group(1)) if place else ""
    field = _FIELD.search(words)
    message = _AT.sub("", words)
    if field is None:
        return Misfit(Why.WRONG, path, message)
    why = Why.MISSING if "missing" in field.group(0) else Why.UNKNOWN
    return Misfit(why, ".".join(filter(None, (path, field.group(1)))), message)


def _dotted(path: str) -> str:
    """`$.messages[0].content` as `messages.0.content`."""
    return path.removeprefix("$").replace("[", ".").replace("]", "").strip(".")
