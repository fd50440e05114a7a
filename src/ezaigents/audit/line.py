"""A record as a line of the file. Job: seal it with the hash of everything before it; read it back and compare.

A line is the record as JSON, its last member the hash: SHA-256 over the same JSON without that member, which holds the
hash of the line before (`prev`) and a number without gaps (`n`). So a line can be checked with any tool:
take `,"hash":"..."` out and hash what is left, without the line's end.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from ezaigents.audit.record import AuditRecord
from ezaigents.codec import from_json, to_json
from ezaigents.policy import clip_bytes

OWN = "log"
"""The kind of the records that the log writes about itself."""
TORN, LOST = "torn", "lost"
_WHAT_MOST_BYTES = 2048
_TEXT_MOST_BYTES = 256
_SEAL = re.compile(rb',"hash":"([0-9a-f]{64})"}\n\Z')


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A record with its place in the chain, as it is stored. `prev`: "" before the first."""

    n: int
    at_ms: int
    host: str
    kind: str
    task: str
    fence: int
    step: int
    who: str
    what: str
    outcome: str
    prev: str


class Line(msgspec.Struct, frozen=True):
    """A line that was read. `hash` is what it says; `is_true`: its content has that hash."""

    entry: Entry
    hash: str
    is_true: bool


def entry_of(record: AuditRecord, *, n: int, prev: str, at_ms: int, host: str) -> Entry:
    """The record at its place."""
    return Entry(
        n=n,
        at_ms=at_ms,
        host=clip_bytes(host, _TEXT_MOST_BYTES),
        kind=record.kind.value,
        task=clip_bytes(record.task, _TEXT_MOST_BYTES),
        fence=record.fence,
        step=record.step,
        who=clip_bytes(record.who, _TEXT_MOST_BYTES),
        what=clip_bytes(record.what, _WHAT_MOST_BYTES),
        outcome=clip_bytes(record.outcome, _TEXT_MOST_BYTES),
        prev=prev,
    )


def own_entry(outcome: str, what: str, *, n: int, prev: str, at_ms: int, host: str) -> Entry:
    """What the log says about itself: TORN closes a line that was cut off, LOST tells of records that are gone."""
    return Entry(
        n=n, at_ms=at_ms, host=clip_bytes(host, _TEXT_MOST_BYTES), kind=OWN, task="", fence=0, step=0, who="ez",
        what=what, outcome=outcome, prev=prev,
    )  # fmt: skip


def seal(entry: Entry) -> tuple[bytes, str]:
    """The line, and its hash."""
    body = to_json(entry)
    digest = hashlib.sha256(body).hexdigest()
    return body[:-1] + f',"hash":"{digest}"}}\n'.encode(), digest


def read_line(raw: bytes) -> Line | None:
    """A whole line, its end included; None when it is not a record."""
    found = _SEAL.search(raw)
    if found is None:
        return None
    body = raw[: found.start()] + b"}"
    try:
        entry = from_json(body, Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    stated = found[1].decode()
    return Line(entry, stated, hashlib.sha256(body).hexdigest() == stated)


def torn_words(rest: bytes) -> str:
    """What TORN says of the bytes it follows, so that nothing else can pass for them."""
    rest = rest.strip(b"\n")
    return (
        f"{len(rest)} bytes before this were cut off while they were written, sha256 {hashlib.sha256(rest).hexdigest()}"
    )
