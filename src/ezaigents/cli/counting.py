"""Saying how far something long has come. Job: a line on stderr every few seconds; none for what is short."""

from __future__ import annotations

import time
from collections.abc import Callable

from ezaigents.cli.talk import say

_EVERY_S = 2.0


def counting_bytes(word: str) -> Callable[[int], None]:
    """What to tell of bytes done so far: `120.0 MB written`."""
    next_s = time.monotonic() + _EVERY_S

    def note(done: int) -> None:
        nonlocal next_s
        if (now_s := time.monotonic()) >= next_s:
            next_s = now_s + _EVERY_S
            say(f"{done / 1e6:,.1f} MB {word}")

    return note
