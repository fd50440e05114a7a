"""How two texts differ, by lines.

Job: the lines that changed, and git's hunks of them. Not its job: files and their headers (patch), merging (merge).
Lines end at LF only, so that a CR is a byte like others and every text is the sum of its lines.
Source: E. Myers, An O(ND) difference algorithm and its variations, 1986; B. Cohen's patience diff for the lines that
are the only one of their kind on both sides: they are the landmarks between which Myers's search goes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CONTEXT_LINES = 3
_STEPS_MOST = 2_000_000
"""Steps of the search in one pair of texts, about a second: 2,000 lines differing between two landmarks. What is left
then is replaced as a whole, which is a longer difference and as true a one."""
_NOWHERE = -2
"""Less than any reach, also with one more line."""


class Span(NamedTuple):
    """Lines `old_start` up to, not including, `old_end` become `new_start` up to `new_end`; counted from 0."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def lines_of(data: bytes) -> list[bytes]:
    """Cut after each LF; only the last line may be without."""
    *whole, last = data.split(b"\n")
    return [line + b"\n" for line in whole] + [last] * bool(last)


def changed_spans(old: Sequence[bytes], new: Sequence[bytes]) -> list[Span]:
    """The spans that differ, in order; lines between two of them are the same."""
    numbers: dict[bytes, int] = {}
    left = [numbers.setdefault(line, len(numbers)) for line in old]
    right = [numbers.setdefault(line, len(numbers)) for line in new]
    whole = _trimmed(left, right, Span(0, len(left), 0, len(right)))
    spans: list[Span] = []
    steps_left = _STEPS_MOST
    for gap in _gaps(left, right, whole):
        found, steps = _search(left, right, gap, steps_left)
        steps_left -= steps
        spans += found
    return spans


def unified(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the hunks of a unified diff, line by line, as git writes them."""
    for group in _groups(changed_spans(old, new)):
        start = max(group[0].old_start - CONTEXT_LINES, 0)
        new_start = group[0].new_start - (group[0].old_start - start)
        end = min(group[-1].old_end + CONTEXT_LINES, len(old))
        new_end = group[-1].new_end + (end - group[-1].old_end)
        yield b"@@ -%b +%b @@\n" % (_range(start, end), _range(new_start, new_end))
        at = start
        for span in group:
            yield from _marked(b" ", old[at : span.old_start])
            yield from _marked(b"-", old[span.old_start : span.old_end])
            yield from _marked(b"+", new[span.new_start : span.new_end])
            at = span.old_end
        yield from _marked(b" ", old[at:end])


def _groups(spans: list[Span]) -> Iterator[list[Span]]:
    """Spans whose context would touch, together: one hunk each."""
    group: list[Span] = []
    for span in spans:
        if group and span.old_start - group[-1].old_end > 2 * CONTEXT_LINES:
            yield group
            group = []
        group.append(span)
    if group:
        yield group


def _range(start: int, end: int) -> bytes:
    # An empty range is named by the line before it, a range of one without its length.
    count = end - start
    return b"%d" % (start + 1) if count == 1 else b"%d,%d" % (start + bool(count), count)


def _marked(mark: bytes, lines: Sequence[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield mark + line if line.endswith(b"\n") else mark + line + b"\n\\ No newline at end of file\n"


def _trimmed(old: list[int], new: list[int], gap: Span) -> Span:
    start, end, other, other_end = gap
    while start < end and other < other_end and old[start] == new[other]:
        start, other = start + 1, other + 1
    while start < end and other < other_end and old[end - 1] == new[other_end - 1]:
        end, other_end = end - 1, other_end - 1
    return Span(start, end, other, other_end)


def _gaps(old: list[int], new: list[int], whole: Span) -> Iterator[Span]:
    """What lies between the landmarks, without the equal lines at its ends."""
    at, other = whole.old_start, whole.new_start
    for old_index, new_index in [*_landmarks(old, new, whole), (whole.old_end, whole.new_end)]:
        gap = _trimmed(old, new, Span(at, old_index, other, new_index))
        if gap.old_start < gap.old_end or gap.new_start < gap.new_end:
            yield gap
        at, other = old_index + 1, new_index + 1


def _landmarks(old: list[int], new: list[int], whole: Span) -> list[tuple[int, int]]:
    """The longest rising series of pairs of lines that are unique on both sides."""
    counts = Counter(old[whole.old_start : whole.old_end])
    others = Counter(new[whole.new_start : whole.new_end])
    place = {new[index]: index for index in range(whole.new_start, whole.new_end) if others[new[index]] == 1}
    tails: list[int] = []
    chains: list[tuple[tuple[int, int], int]] = []
    ends: list[int] = []
    for index in range(whole.old_start, whole.old_end):
        other = place.get(old[index])
        if other is None or counts[old[index]] != 1:
            continue
        length = bisect_left(tails, other)
        chains.append(((index, other), ends[length - 1] if length else -1))
        tails[length : length + 1] = [other]
        ends[length : length + 1] = [len(chains) - 1]
    series = []
    link = ends[-1] if ends else -1
    while link >= 0:
        pair, link = chains[link]
        series.append(pair)
    return series[::-1]


def _search(old: list[int], new: list[int], gap: Span, steps_most: int) -> tuple[list[Span], int]:
    """The fewest changes within `gap`, and the steps that took; the gap as a whole when it would take too many.

    Myers's greedy search: `reach` holds, for each diagonal (old minus new), how far into the old lines one gets with
    so many changes. What each round began with is kept for the way back.
    """
    height, width = gap.old_end - gap.old_start, gap.new_end - gap.new_start
    reach = array("i", [_NOWHERE]) * (height + width + 3)
    middle = width + 1
    reach[middle + 1] = 0
    rounds: list[tuple[int, array[int]]] = []
    steps = 0
    for changes in range(height + width + 1):
        # Diagonals beyond the corners lead nowhere.
        low, high = max(-changes, changes - 2 * width), min(changes, 2 * height - changes)
        rounds.append((low - 1, reach[middle + low - 1 : middle + high + 2]))
        for diagonal in range(low, high + 1, 2):
            at = middle + diagonal
            x = start = max(reach[at - 1] + 1, reach[at + 1])
            y = x - diagonal
            while x < height and y < width and old[gap.old_start + x] == new[gap.new_start + y]:
                x, y = x + 1, y + 1
            reach[at] = x
            steps += 1 + x - start
            if x >= height and y >= width:
                return _walked_back(rounds, gap), steps
        if steps > steps_most:
            return [gap], steps
    raise AssertionError("the search ends at the latest when every line is changed")


def _walked_back(rounds: list[tuple[int, array[int]]], gap: Span) -> list[Span]:
    """The changes on the way that the search found, touching ones as one, in order."""
    spans: list[Span] = []
    x, y = gap.old_end - gap.old_start, gap.new_end - gap.new_start
    for low, reach in reversed(rounds[1:]):
        diagonal = x - y
        left, right = reach[diagonal - 1 - low], reach[diagonal + 1 - low]
        # The end of the change; a run of equal lines leads from there to (x, y).
        old_end = max(left + 1, right)
        new_end = old_end - diagonal
        x, y = (right, right - diagonal - 1) if right > left else (left, left - diagonal + 1)
        spans.append(Span(gap.old_start + x, gap.old_start + old_end, gap.new_start + y, gap.new_start + new_end))
    return _joined(spans[::-1])


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in spans:
        if joined and (joined[-1].old_end, joined[-1].new_end) == (span.old_start, span.new_start):
            joined[-1] = joined[-1]._replace(old_end=span.old_end, new_end=span.new_end)
        else:
            joined.append(span)
    return joined
