"""The tools that change files: `edit`, `write`, `delete`, `rename`.

Job: all of a call or nothing, by the hash of what the model read. Not its job: comparing and keeping (workspace).
"""

from __future__ import annotations

from ezaigents.agents.tools.arguments import Delete, Edit, Rename, Replacement, Write
from ezaigents.agents.tools.outcome import Outcome
from ezaigents.agents.tools.quoting import bounded, quoted
from ezaigents.codec import printable
from ezaigents.workspace import EditRefused, FileTooLarge, Overlay, Sniffer, changed_spans, edited, lines_of

_SHOWN_MOST_BYTES = 4096
_CONTEXT_LINES = 2


def edit(files: Overlay, name: str, arguments: Edit, limit_bytes: int) -> Outcome:
    """Make all replacements, one after the other, and write once. Raises what `Overlay.edit` raises."""
    first = arguments.edits[0]
    before = files.read(name)
    if before.sha256 != arguments.sha256:
        # Refused here, with how the file differs from what was read.
        files.edit(name, first.old, first.new, expected=arguments.sha256, count=first.count or 1)
    data = before.data
    for number, one in enumerate(arguments.edits, 1):
        try:
            data = _replaced(name, data, one, limit_bytes)
        except EditRefused as refused:
            reason = f"edit {number} of {len(arguments.edits)}: {refused.reason}; nothing was changed"
            raise EditRefused(name, reason) from refused
    sha256 = files.write(name, data, expected=before.sha256)
    if data == before.data:
        return Outcome(text=f"{_now(name, sha256)}  nothing changed: old and new are the same")
    return Outcome(text=f"{_now(name, sha256)}  {_shown(before.data, data)}", changed=(name,))


def _replaced(name: str, data: bytes, one: Replacement, limit_bytes: int) -> bytes:
    """One replacement. What could not be written is refused before it is made: it may not even fit in memory."""
    least_bytes = len(one.new) * (one.count or 1)
    if least_bytes > limit_bytes:
        raise FileTooLarge(name, least_bytes, limit_bytes)
    data = edited(name, data, one.old, one.new, one.count or 1)
    if len(data) > limit_bytes:
        raise FileTooLarge(name, len(data), limit_bytes)
    return data


def write(files: Overlay, name: str, arguments: Write) -> Outcome:
    """Make a file, or replace its content. Raises what `Overlay.write` raises."""
    data = arguments.content.encode("utf-8")
    sha256 = files.write(name, data, expected=arguments.sha256)
    return Outcome(text=f"{_now(name, sha256)}  {len(data):,} bytes", changed=(name,))


def delete(files: Overlay, name: str, arguments: Delete) -> Outcome:
    """Delete a file. Raises what `Overlay.delete` raises."""
    files.delete(name, expected=arguments.sha256)
    return Outcome(text=f"deleted {printable(name)}", changed=(name,))


def rename(files: Overlay, name: str, target: str, arguments: Rename) -> Outcome:
    """Move a file. Raises what `Overlay.rename` raises."""
    files.rename(name, target, expected=arguments.sha256)
    return Outcome(text=f"moved {printable(name)}  {_now(target, arguments.sha256)}", changed=(name, target))


def _now(name: str, sha256: str) -> str:
    return f"path: {printable(name)}  sha256: {sha256}"


def _shown(before: bytes, after: bytes) -> str:
    """Which lines are new, and how they look now, with a few around them."""
    old, new = lines_of(_as_utf8(before)), lines_of(_as_utf8(after))
    ranges, pieces = [], []
    for span in changed_spans(old, new):
        start, end = span.new_start, span.new_end
        ranges.append(f"{start + 1}-{end}" if end > start else f"after {start}")
        pieces.append(b"".join(new[max(start - _CONTEXT_LINES, 0) : end + _CONTEXT_LINES]))
        if sum(map(len, pieces)) > _SHOWN_MOST_BYTES:
            ranges.append("and more")
            break
    text = b"...\n".join(pieces).decode("utf-8", "backslashreplace")
    return f"changed lines: {', '.join(ranges)}\n{quoted(bounded(text, _SHOWN_MOST_BYTES))}"


def _as_utf8(data: bytes) -> bytes:
    sniffer = Sniffer()
    sniffer.feed(data)
    sniffer.finish()
    return data.decode(sniffer.codec, "backslashreplace").encode("utf-8", "backslashreplace")
