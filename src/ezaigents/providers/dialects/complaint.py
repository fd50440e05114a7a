"""What a provider says when it refuses, in whichever form it says it.

Job: the words and the message out of an error's JSON, or out of a body that is none. Not its job: what they mean
(failures). Seen: `{"error": {...}}`, the same in a list (Gemini), `{"error": "text"}` (Ollama, xAI), the error's fields
at the top (Mistral, vLLM), `{"detail": ...}` (FastAPI), HTML of a proxy.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ezaigents.codec import printable
from ezaigents.providers.dialects.wire import Garbled, decoded
from ezaigents.providers.redacting import Redactor

MESSAGE_CHARACTERS = 500
_READ_BYTES = 1024 * 1024  # no error is longer; what is, is not read as JSON
_SCANNED_CHARACTERS = 4000
_NAMES = ("error_code", "code", "type", "status", "reason", "@type")
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_mask = Redactor(())


class Complaint(NamedTuple):
    """`words`: its codes and types, the most exact first. `message`: printable, without keys, at most 500 characters.

    `retry_after`: a duration that stands in the body, such as "30s", "" = none.
    """

    words: tuple[str, ...] = ()
    message: str = ""
    retry_after: str = ""


def complaint(body: bytes) -> Complaint:
    """Read the body of an answer that says no."""
    try:
        said = decoded(body[:_READ_BYTES], object)
    except Garbled:
        return Complaint(message=_shown(_prose(body)))
    return complaint_of(said)


def complaint_of(said: object) -> Complaint:
    """Read an error that is decoded already."""
    if isinstance(said, list):
        said = said[0] if said else None
    outer = said if isinstance(said, dict) else {"message": said}
    inner = outer.get("error")
    error = inner if isinstance(inner, dict) else outer
    details = _details(error)
    words = [word for fields in (*details, error, outer) for word in _words(fields)]
    text = _text(error.get("message")) or _text(inner) or _text(outer.get("message")) or _text(outer.get("detail"))
    delays = [delay for fields in details if isinstance(delay := fields.get("retryDelay"), str)]
    return Complaint(tuple(dict.fromkeys(words)), _shown(text), delays[0] if delays else "")


def _details(error: dict[object, object]) -> list[dict[object, object]]:
    details = error.get("details")
    found = details if isinstance(details, list) else [details, error.get("metadata")]
    return [fields for fields in found[:20] if isinstance(fields, dict)]


def _words(fields: dict[object, object]) -> list[str]:
    values = [fields.get(name) for name in _NAMES]
    return [
        printable(str(value))[:80] for value in values if isinstance(value, str | int) and value not in {"", "error"}
    ]


def _text(value: object) -> str:
    """The first words in what may be text, or a list of errors (FastAPI)."""
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        value = value.get("msg") or value.get("message")
    return value if isinstance(value, str) else ""


def _prose(body: bytes) -> str:
    """The words of a body that is no JSON: the title of a page, a line of text, nothing of anything else."""
    text = body[:_SCANNED_CHARACTERS].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        return title[1].strip() if title else ""
    strange = sum(not (char.isprintable() or char.isspace()) or char == "\ufffd" for char in text)
    return "" if strange * 10 > len(text) else text


def _shown(text: str) -> str:
    """One printable line; keys are masked before it is cut, so that no half of one is left."""
    line = printable(_mask(" ".join(text[:_SCANNED_CHARACTERS].split())))
    return line if len(line) <= MESSAGE_CHARACTERS else line[: MESSAGE_CHARACTERS - 1] + "…"
