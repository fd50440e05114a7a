"""Talk to the user: plain lines on stderr, and two exit codes. Not its job: data, which goes to stdout (show)."""

from __future__ import annotations

import contextlib
import sys

USAGE = 2
INTERRUPTED = 130
_LINE_MAX_CHARS = 2000


def say(line: str = "") -> None:
    """Print a line on stderr; one that nobody can read any more is dropped."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def say_error(message: str) -> None:
    """One line on stderr, however long the message was."""
    say(f"ez: {' '.join(message.splitlines())[:_LINE_MAX_CHARS]}")
