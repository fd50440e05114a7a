"""Bodies in and out. Job: JSON to records and back, with entity tags. Not its job: what is in them (routes)."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from ezaigents.codec import to_json
from ezaigents.errors import InputError

JSON = "application/json"
_T = TypeVar("_T")


class Empty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


def answer(request: Request, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A record, or plain data, as JSON; with an entity tag, so that what has not changed is not sent again."""
    body = to_json(value)
    headers = dict(headers or {})
    if status == 200 and request.method in ("GET", "HEAD"):
        headers |= {"etag": tag_of(body), "cache-control": "private, no-cache"}
        if is_known(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
    return Response(body, status, headers, JSON)


def tag_of(body: bytes) -> str:
    """The entity tag of a body."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def is_known(request: Request, tag: str) -> bool:
    """Whether whoever asks has the body of this tag; a proxy may have made it a weak one."""
    return tag in (one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(","))


async def left(receive: Receive, word: str) -> None:
    """Wait until the other side has gone, which is told by `word`; what it says before is not looked at."""
    while (await receive())["type"] != word:
        pass


async def read_body(request: Request, kind: type[_T] | Any) -> _T:
    """The body as a record. Raises InputError naming the field, HTTPException 415 for what is not JSON."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != JSON:
        raise HTTPException(415, f"the body must be {JSON}")
    body = await request.body()
    try:
        decoded: _T = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        raise InputError(place.strip("`").lstrip(".") or "body", words) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("body", f"is no JSON: {error}") from None
    return decoded
