"""Merging two changes of one text, line by line. Job: the merged bytes, or None. Not its job: what then is done.

Cautious on purpose, as nobody looks at the result before it is in the tree. Changes that overlap or touch are a
conflict unless both sides did the same. So is a change of which it cannot be told where it stands: among lines that
repeat, one text can be explained by several scripts of changes, and a merge that depends on the script may put an
edit into the wrong copy. Hence two scripts, one from the top and one from the bottom, and a result only where both
lead to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ezaigents.workspace.difference import changed_spans, lines_of

_Lines = list[bytes]


class _Hunk(msgspec.Struct, frozen=True):
    """`lines` instead of the base's lines from `start` up to, not including, `end`."""

    start: int
    end: int
    lines: _Lines
    is_ours: bool


def merge3(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Merge two changes of `base`; None where they are in conflict.

    Lines end at LF only, and the last may lack it; all bytes are kept as they are. No line that one side added is
    ever missing from the result. The cost is bounded: texts that differ too much count as changed from end to end.
    """
    sides = [lines_of(text) for text in (base, ours, theirs)]
    merged = _merged(*sides)
    mirrored = _merged(*(side[::-1] for side in sides))
    if merged is None or mirrored is None or merged != mirrored[::-1]:
        return None
    return b"".join(merged)


def _merged(base: _Lines, ours: _Lines, theirs: _Lines) -> _Lines | None:
    out: _Lines = []
    at = 0
    for cluster in _clusters([*_hunks(base, ours, True), *_hunks(base, theirs, False)]):
        start, end = cluster[0].start, max(hunk.end for hunk in cluster)
        mine, others = ([hunk for hunk in cluster if hunk.is_ours is side] for side in (True, False))
        version = _applied(base, start, end, mine or others)
        if mine and others and version != _applied(base, start, end, others):
            return None
        out += base[at:start] + version
        at = end
    return out + base[at:]


def _clusters(hunks: list[_Hunk]) -> Iterator[list[_Hunk]]:
    """Hunks that overlap or touch, together, from the top."""
    cluster: list[_Hunk] = []
    end = -1
    for hunk in sorted(hunks, key=lambda hunk: (hunk.start, hunk.end)):
        if cluster and hunk.start > end:
            yield cluster
            cluster = []
        cluster.append(hunk)
        end = max(end, hunk.end)
    if cluster:
        yield cluster


def _applied(base: _Lines, start: int, end: int, hunks: Iterable[_Hunk]) -> _Lines:
    """One side's version of the base's lines from `start` to `end`."""
    out: _Lines = []
    for hunk in hunks:
        out += base[start : hunk.start] + hunk.lines
        start = hunk.end
    return out + base[start:end]


def _hunks(base: _Lines, other: _Lines, is_ours: bool) -> list[_Hunk]:
    spans = changed_spans(base, other)
    return [_Hunk(span.old_start, span.old_end, other[span.new_start : span.new_end], is_ours) for span in spans]
