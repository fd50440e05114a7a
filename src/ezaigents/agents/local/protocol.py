"""What the host and its analysis children say to each other.

Job: the messages and their frames: four bytes of length (big-endian), then JSON, in which a message's class
travels as `type`. Not its job: pipes and processes. Paths are in `codec.storable` form.
"""

from __future__ import annotations

import msgspec

from ezaigents.agents.local.figures import FileReport, Finding
from ezaigents.codec import to_json

HEADER_BYTES = 4
FRAME_MAX_BYTES = 32 * 1024 * 1024


class Look(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks for a file's size and content hash. `hidden`: the data folder."""

    root: str
    path: str
    limit_bytes: int
    hidden: str


class Measure(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks for a file's figures. `whole`: read it at once, instead of in windows."""

    root: str
    path: str
    limit_bytes: int
    hidden: str
    whole: bool = False


class Lint(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks for ruff's remarks on Python files."""

    root: str
    paths: tuple[str, ...]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One finished task of the run, as the summary needs it."""

    title: str
    state: str
    error: str
    report: str


class Summarize(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Asks for the run's report to be written beneath the data folder `home`."""

    home: str
    run: str
    prompt: str
    parts: tuple[Part, ...]


class Looked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Answers Look; `report` instead when there is a problem with the file."""

    sha256: str = ""
    report: FileReport | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Answers Measure."""

    report: FileReport


class LintedFile(msgspec.Struct, frozen=True, kw_only=True):
    """Remarks on one file: `count` of them, the first of which are listed."""

    path: str
    count: int
    findings: tuple[Finding, ...]


class Linted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Answers Lint; `note` says what went wrong, "" = nothing."""

    files: tuple[LintedFile, ...]
    note: str = ""


class Summarized(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Answers Summarize: one line and the report's name beneath the data folder, or `error`."""

    summary: str = ""
    report: str = ""
    error: str = ""


Request = Look | Measure | Lint | Summarize
Reply = Looked | Measured | Linted | Summarized
request_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
reply_decoder: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


def framed(message: Request | Reply) -> bytes:
    """Encode a message with its length before it."""
    body = to_json(message)
    return len(body).to_bytes(HEADER_BYTES, "big") + body
