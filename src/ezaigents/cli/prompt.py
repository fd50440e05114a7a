"""The prompt as typed, or from standard input: one argument of a process holds 128 KiB at most."""

from __future__ import annotations

import sys

from ezaigents.cli.talk import say
from ezaigents.client import PROMPT_MAX_BYTES
from ezaigents.errors import InputError


def prompt_from(text: str) -> str:
    """Return `text`, or for `-` what standard input holds. Raises InputError when that is too long or not text."""
    if text != "-":
        return text
    if sys.stdin.isatty():
        say("type the prompt; end it with Ctrl-D on a line of its own")
    data = sys.stdin.buffer.read(PROMPT_MAX_BYTES + 1)
    if len(data) > PROMPT_MAX_BYTES:
        raise InputError(
            "prompt",
            f"is longer than {PROMPT_MAX_BYTES:,} bytes; put the long part into a file of the workspace",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("prompt", f"is not UTF-8 (byte {error.start})") from None
