"""What each wire form can do. Job: the seam, and small things that the three share. Not its job: any one of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from ezaigents.simulate.asked import Answer, Asked, Dialect, Refused

_PIECE_CHARS = 24
_PIECES_MOST = 64


class Wire(Protocol):
    """One wire form, from the request's body to the answer's."""

    dialect: Dialect

    def key(self, headers: Mapping[str, str]) -> str:
        """The key of a request, "" = none."""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Asked:
        """Check a request as strictly as the provider does. Raises Refused."""

    def whole(self, asked: Asked, answer: Answer) -> dict[str, Any]:
        """The answer in one piece."""

    def events(self, asked: Asked, answer: Answer) -> Iterator[bytes]:
        """The answer as server-sent events, each whole, the last one included."""

    def failure(self, refused: Refused, request_id: str) -> dict[str, Any]:
        """The body that says so."""

    def failure_event(self, refused: Refused, request_id: str) -> bytes:
        """The event that says so in the middle of a stream."""

    def headers(self, request_id: str, left: Allowance) -> list[tuple[str, str]]:
        """What the provider sends with every answer."""

    def cache_step_tokens(self) -> int:
        """A cached prefix counts in whole steps of so many tokens."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may still ask for in the running minute."""

    requests: int
    requests_left: int
    tokens: int
    tokens_left: int
    reset_s: int
    reset_at: str


def bearer(headers: Mapping[str, str]) -> str:
    """The key of an `Authorization: Bearer` header, "" = none."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def pieces(text: str) -> Iterator[str]:
    """Text as a stream brings it: small pieces, though never more than 64."""
    size = max(_PIECE_CHARS, -(-len(text) // _PIECES_MOST))
    return (text[start : start + size] for start in range(0, len(text), size))


def seal(model: str, text: str) -> str:
    """What binds a thought to the model that had it: whoever sends it back to another is found out."""
    bound = f"{model}\n{text}".encode()
    return f"sim-{hashlib.sha256(bound).hexdigest()[:32]}"


def event(data: object, name: str = "") -> bytes:
    """One server-sent event."""
    line = b"data: " + msgspec.json.encode(data) + b"\n\n"
    return f"event: {name}\n".encode() + line if name else line


def piece_of(value: object) -> bytes:
    """A part of a request as the cache knows it: where it asks to be cached makes it no other."""
    if isinstance(value, dict):
        value = {key: found for key, found in value.items() if key != "cache_control"}
    return msgspec.json.encode(value, order="deterministic")
