"""Talk to the user: plain lines on stderr. Job: one line. Not its job: data, which goes to stdout (show)."""

from __future__ import annotations

import contextlib
import sys


def say(line: str = "") -> None:
    """Print a line on stderr; one that nobody can read any more is dropped."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
