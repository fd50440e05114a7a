"""A text as typed, or from standard input: one argument of a process holds 128 KiB at most."""

from __future__ import annotations

import sys

from ezaigents.cli.talk import say
from ezaigents.client import PROMPT_MAX_BYTES
from ezaigents.errors import InputError

_SHORTER = {"prompt": "put the long part into a file of the workspace"}


def prompt_from(text: str, field: str = "prompt") -> str:
    """Return `text`, or for `-` what standard input holds. `field`: what the user knows it as.

    Raises InputError when it is not text, or when standard input holds more than a prompt may.
    """
    data = _standard_input(field) if text == "-" else text.encode("utf-8", "surrogateescape")
    if len(data) > PROMPT_MAX_BYTES and text == "-":
        advice = _SHORTER.get(field, "say it shorter, or put it into a file and name that")
        raise InputError(field, f"is longer than {PROMPT_MAX_BYTES:,} bytes; {advice}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(field, f"is not UTF-8 (byte {error.start}); give it as text") from None


def _standard_input(field: str) -> bytes:
    if sys.stdin.isatty():
        say(f"type the {field}; end it with Ctrl-D on a line of its own")
    return sys.stdin.buffer.read(PROMPT_MAX_BYTES + 1)
