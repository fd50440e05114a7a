"""How a file differs from what somebody took it for, in words a person or a model can act on.

Job: a difference of a few KB, whatever the contents are. Not its job: noticing (overlay).
"""

from __future__ import annotations

from ezaigents.workspace.difference import lines_of, unified
from ezaigents.workspace.encoding import Encoding, Sniffer
from ezaigents.workspace.errors import human_size

DIFFERENCE_MOST_BYTES = 8 * 1024
"""What is shown of a difference: enough to repeat a change, little enough for a model's context."""
_TEXT_MOST_BYTES = 1024 * 1024
"""Larger texts are not compared line by line here; reading them anew tells more than the first KB would."""
READ = ("as you read it", "as it is now")
WANTED = ("as it is now", "as you would have written it")


def shown_difference(old: bytes, new: bytes, titles: tuple[str, str]) -> str:
    """Say in at most some KB how `old` became `new`: a unified diff where both are text, else their sizes."""
    before, after = _text_of(old), _text_of(new)
    head = f"--- {titles[0]}\n+++ {titles[1]}\n"
    if before is None or after is None:
        return f"{head}not compared by lines: {human_size(len(old))}, then {human_size(len(new))}"
    hunks = b"".join(unified(lines_of(before), lines_of(after)))
    left_out = len(hunks) - DIFFERENCE_MOST_BYTES
    shown = head + hunks[:DIFFERENCE_MOST_BYTES].decode("utf-8", "replace")
    return f"{shown}\n... and {left_out:,} bytes more" if left_out > 0 else shown


def _text_of(data: bytes) -> bytes | None:
    """Text as UTF-8, whatever it was in; None where there is none to show."""
    if len(data) > _TEXT_MOST_BYTES:
        return None
    sniffer = Sniffer()
    sniffer.feed(data)
    if sniffer.finish() is Encoding.BINARY:
        return None
    return data.decode(sniffer.codec, "backslashreplace").encode("utf-8", "backslashreplace")
