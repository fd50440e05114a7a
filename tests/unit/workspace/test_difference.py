"""Differences by lines: true, small where they can be, and never dear."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ezaigents.workspace.difference import changed_spans, lines_of, unified
from ezaigents.workspace.stale import READ, shown_difference


def rebuilt(old: Sequence[bytes], new: Sequence[bytes]) -> list[bytes]:
    """`new`, made of `old` and the changed spans alone."""
    out: list[bytes] = []
    at = 0
    for span in changed_spans(old, new):
        assert span.old_start >= at
        out += old[at : span.old_start]
        assert len(out) == span.new_start
        out += new[span.new_start : span.new_end]
        at = span.old_end
    return [*out, *old[at:]]


_lines = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\n"]), max_size=30)


@given(old=_lines, new=_lines)
def test_spans_lead_from_old_to_new(old: list[bytes], new: list[bytes]) -> None:
    """The old lines with the changed spans replaced are the new lines."""
    assert rebuilt(old, new) == new


@given(data=st.binary(max_size=60))
def test_a_text_is_the_sum_of_its_lines(data: bytes) -> None:
    """Lines end at LF only and lose nothing."""
    lines = lines_of(data)
    assert b"".join(lines) == data
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines[:-1])


def test_far_edits_are_hunks_of_their_own() -> None:
    """Two edits far apart in a large file are two small hunks, and two close ones are one."""
    old = [b"%d\n" % number for number in range(20_000)]
    new = [*old]
    new[10] = new[19_990] = b"changed\n"
    assert len(list(unified(old, new))) == 2 * (1 + 3 + 2 + 3)
    new = [*old]
    new[10] = new[17] = b"changed\n"
    assert sum(line.startswith(b"@@") for line in unified(old, new)) == 1
    new[18], new[17] = b"changed\n", old[17]
    assert sum(line.startswith(b"@@") for line in unified(old, new)) == 2


def test_a_large_insertion_leaves_the_rest_alone() -> None:
    """However much is put in at one place, an edit at another is still a small change of its own."""
    old = [b"%d\n" % number for number in range(10_000)]
    new = [b"changed\n", *old[1:5000], *[b"new %d\n" % number for number in range(4000)], *old[5000:]]
    assert [span[:2] for span in changed_spans(old, new)] == [(0, 1), (5000, 5000)]


def test_edits_among_lines_that_repeat_stay_small() -> None:
    """Where no line is the only one of its kind the search still finds the few that changed."""
    old = [b"%d\n" % (number % 5) for number in range(5000)]
    new = [*old]
    new[1000] = new[4000] = b"x\n"
    assert [span.old_start for span in changed_spans(old, new)] == [1000, 4000]


def test_what_differs_everywhere_is_replaced_as_a_whole() -> None:
    """Two large texts without likeness become one replacement, instead of a search that takes for ever."""
    chance = random.Random(7)
    old, new = ([b"%d\n" % chance.randrange(4) for _ in range(60_000)] for _ in range(2))
    assert len(changed_spans(old, new)) == 1
    assert rebuilt(old, new) == new


def test_no_line_by_line_difference_of_what_is_large() -> None:
    """Texts beyond 1 MB are told by their sizes alone, where only some KB could be shown anyway."""
    text = b"line\n" * 300_000
    assert "not compared by lines: 1.4 MB, then 1.4 MB" in shown_difference(text, text + b"x", READ)
