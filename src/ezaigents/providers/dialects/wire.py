"""JSON between our records and the wire, where neither side can be trusted to be well formed.

Job: encode what may hold anything, decode leniently, say `Garbled` and nothing else. Not its job: any dialect's fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from ezaigents.providers.dialects.quirks import Quirks
from ezaigents.providers.transcript import ToolSpec

_T = TypeVar("_T")
_MOST_TOKENS = 10**12
"""No call uses more: a larger count is a lie, and must not overflow what adds it up."""
_NUL = rb"\u0000"
_NO_TOOL = "unnamed"
_NAME_CHARACTERS = 64  # the least of the three providers' limits
_ESCAPE = re.compile(
    rb"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)

NO_TEXT = "(no text)"
"""Said for a turn in which nothing is left to say, where the wire form wants a turn."""


class Garbled(ValueError):
    """What came is not what the dialect knows."""


def decoded(data: bytes, kind: type[_T]) -> _T:
    """Decode JSON. Bad UTF-8 and lone surrogates are replaced, not refused: they are the model's. Raises Garbled."""
    try:
        return msgspec.json.decode(data, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return msgspec.json.decode(_mended(data), type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(str(error)) from error


def _mended(data: bytes) -> bytes:
    data = data.decode("utf-8", "replace").encode("utf-8")
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[2] else found[0], data)


def raw_text(raw: msgspec.Raw) -> str:
    """A piece of JSON as the text it came in."""
    return bytes(raw).decode("utf-8", "replace")


def argument_text(raw: msgspec.Raw) -> str:
    """The arguments of a call: the JSON text itself, or a string that holds it; "" where there are none."""
    data = bytes(raw)
    if data in {b"", b"null"}:
        return ""
    return decoded(data, str) if data.startswith(b'"') else raw_text(raw)


def object_or_none(text: str) -> msgspec.Raw | None:
    """The text as JSON to be sent on byte by byte, where it is an object; else None."""
    try:
        data = text.encode("utf-8")
        msgspec.json.decode(data, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return msgspec.Raw(data)


def schema(tool: ToolSpec) -> msgspec.Raw:
    """The tool's schema, to be sent byte by byte."""
    return msgspec.Raw(tool.schema.encode("utf-8", "replace"))


def tool_name(name: str) -> str:
    """A tool's name as every provider takes it back; the model may have made up any."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_NAME_CHARACTERS] or _NO_TOOL


def failed_text(text: str, failed: bool) -> str:
    """What a tool said, where the wire form has no other place for `failed`."""
    return f"error: {text}" if failed and not text.lower().startswith("error") else text


def tokens(count: int | None) -> int:
    """A count as it was said, made usable."""
    return min(max(count or 0, 0), _MOST_TOKENS)


def encoded(fields: Mapping[str, object], turns: Mapping[str, object], quirks: Quirks) -> bytes:
    """Encode a body: our fields less those refused, the extra ones, then the turns, so that prefixes stay the same."""
    body = {name: value for name, value in fields.items() if name not in quirks.refuses}
    whole = {**body, **quirks.extra, **turns}
    try:
        data = msgspec.json.encode(whole)
    except UnicodeEncodeError:
        data = _NUL
    return msgspec.json.encode(_sendable(whole)) if _NUL in data else data  # seldom: what cannot be sent is looked for


def _sendable(value: object) -> object:
    if isinstance(value, str):
        return _sendable_text(value)
    if isinstance(value, dict):
        return {_sendable(name): _sendable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(inner) for inner in value]
    return value


def _sendable_text(text: str) -> str:
    """UTF-8 cannot carry lone surrogates, and several providers refuse NUL."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
