"""Values as people read them on a page. Job: times; pure. Not its job: where they stand (templates)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from ezaigents.codec import printable

if TYPE_CHECKING:
    from markupsafe import Markup

_SPECIAL = re.compile(r"`([^`]+)`|\b([0-9a-hjkmnp-tv-z]{18})\b")
_STATE_WORDS = {"leased": "running", "ready": "waiting"}
_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def ago(at_ms: int, now_ms: int) -> str:
    """How long ago, in its greatest unit: `4 min ago`; "" for never."""
    if not at_ms:
        return ""
    return f"{_rough(max(0, now_ms - at_ms))} ago"


def lasted(from_ms: int, to_ms: int) -> str:
    """How long something took; "" for what has not begun."""
    if not from_ms or to_ms < from_ms:
        return ""
    took_s = (to_ms - from_ms) / 1000
    return f"{took_s:.1f} s" if took_s < 60 else _rough(to_ms - from_ms)


def first_line(text: str) -> str:
    """The first line of it that says something, and whether more follow."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return printable(lines[0]) + (" …" if len(lines) > 1 else "") if lines else ""


def linked(text: str) -> Markup:
    """A line of ours: ids of tasks lead to them, and what stands in backticks is to be typed."""
    from markupsafe import Markup, escape  # comes with the templates, which a scrape does not load

    pieces, at = [], 0
    for found in _SPECIAL.finditer(shown := printable(text)):
        pieces.append(escape(shown[at : found.start()]))
        code, task = found.groups()
        form = Markup("<code>{}</code>") if code else Markup('<a href="/tasks/{0}"><code>{0}</code></a>')
        pieces.append(form.format(code or task))
        at = found.end()
    return Markup("").join([*pieces, escape(shown[at:])])


def about(title: str) -> str:
    """What a task is about; a dot is the whole workspace."""
    return "the whole workspace" if title == "." else title


def state_word(state: str) -> str:
    """A task's state as people say it."""
    return _STATE_WORDS.get(state, state)


def moment(at_ms: int) -> str:
    """A time in ISO 8601, UTC; "" for never."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000)) if at_ms else ""


def clock(at_ms: int) -> str:
    """The time of day in UTC, to the second; "" for never."""
    return time.strftime("%H:%M:%S", time.gmtime(at_ms / 1000)) if at_ms else ""


def _rough(duration_ms: int) -> str:
    seconds = duration_ms // 1000
    for unit_s, word in _STEPS:
        if seconds >= unit_s:
            return f"{seconds // unit_s} {word}"
    return "0 s"
