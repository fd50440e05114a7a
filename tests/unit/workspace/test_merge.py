"""Merging two changes of one text: against git, and against what must hold whatever git says."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.effort import share

from ezaigents.workspace.merge import merge3

Lines = list[str]
_SLOW = settings(max_examples=share(150), deadline=None)


@st.composite
def edited(draw: st.DrawFn, base: Lines, new: Lines) -> Lines:
    """The base with a few lines inserted, deleted or replaced."""
    lines = list(base)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(lines)))
        end = min(len(lines), start + draw(st.integers(0, 2)))
        lines[start:end] = draw(st.lists(st.sampled_from(new), max_size=2))
    return lines


@st.composite
def texts(draw: st.DrawFn, *, repeating: bool) -> tuple[bytes, bytes, bytes]:
    """Base, ours, theirs. Lines of the base repeat, or each is its own."""
    names = ["a", "b", "c"] if repeating else [f"line {number}" for number in range(12)]
    base = draw(st.lists(st.sampled_from(names), max_size=12, unique=not repeating))
    new = ["new", "newer", *names]
    sides = (base, draw(edited(base, new)), draw(edited(base, new)))
    end = draw(st.sampled_from(["", "\n"]))
    return tuple(("\n".join(side) + end * bool(side)).encode() for side in sides)  # type: ignore[return-value]


def git_merge(folder: Path, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    for name, content in (("base", base), ("ours", ours), ("theirs", theirs)):
        (folder / name).write_bytes(content)
    done = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"], cwd=folder, capture_output=True, check=False
    )
    return done.stdout if done.returncode == 0 else None


@given(sides=texts(repeating=False))
@_SLOW
def test_what_both_git_and_we_merge_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, sides: tuple[bytes, bytes, bytes]
) -> None:
    """Where the lines of the base are told apart, a clean merge is git's too, or a conflict to git."""
    merged = merge3(*sides)
    theirs = git_merge(tmp_path_factory.getbasetemp(), *sides)
    assert merged is None or theirs is None or merged == theirs


@given(sides=texts(repeating=True))
@_SLOW
def test_no_line_that_was_added_is_dropped(sides: tuple[bytes, bytes, bytes]) -> None:
    """Where lines repeat, too, a line that the base does not have is in the result as often as on either side."""
    merged = merge3(*sides)
    if merged is None:
        return
    base, ours, theirs, result = (Counter(side.split(b"\n")) for side in (*sides, merged))
    for line in {*ours, *theirs} - {*base, b""}:
        assert result[line] >= max(ours[line], theirs[line])


@given(sides=texts(repeating=True))
@_SLOW
def test_neither_side_comes_first(sides: tuple[bytes, bytes, bytes]) -> None:
    """Ours and theirs may change places, and a side that changed nothing leaves the other's change."""
    base, ours, theirs = sides
    assert merge3(base, ours, theirs) == merge3(base, theirs, ours)
    assert merge3(base, base, theirs) == theirs
    assert merge3(base, ours, ours) == ours


TEXT = b"1\n2\n3\n4\n5\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        (b"one\n2\n3\n4\n5\n", b"1\n2\n3\n4\nfive\n", b"one\n2\n3\n4\nfive\n"),
        (b"1\n2\n3\n4\n5\n6\n", b"0\n1\n2\n3\n4\n5\n", b"0\n1\n2\n3\n4\n5\n6\n"),
        (b"1\n3\n4\n5\n", b"1\n2\n3\n4\n5", b"1\n3\n4\n5"),
        (b"1\n2\n3\r\n4\n5\n", b"0\n2\n3\n4\n5\n", b"0\n2\n3\r\n4\n5\n"),
        (b"1\nsame\n3\n4\n5\n", b"1\nsame\n3\n4\nfive\n", b"1\nsame\n3\n4\nfive\n"),
        (b"1\ntwo\n3\n4\n5\n", b"1\nTWO\n3\n4\n5\n", None),
        (b"1\ntwo\n3\n4\n5\n", b"1\n2\nthree\n4\n5\n", None),
        (b"1\n2\nours\n3\n4\n5\n", b"1\n2\ntheirs\n3\n4\n5\n", None),
        (b"", b"1\n2\nthree\n4\n5\n", None),
        (b"1\n2\n3\n4\nfive", b"1\n2\n3\n4\n5\n6", None),
        (b"\xff\n2\n3\n4\n5\n", b"1\n2\n3\n4\n\xfe\n", b"\xff\n2\n3\n4\n\xfe\n"),
    ],
)
def test_clean_and_in_conflict(ours: bytes, theirs: bytes, merged: bytes | None) -> None:
    """Changes that keep a line apart are put together byte for byte; those that overlap or touch are a conflict."""
    assert merge3(TEXT, ours, theirs) == merged


def test_a_change_that_could_stand_in_two_places_is_a_conflict() -> None:
    """Among lines that repeat, no edit is put where it might not belong."""
    assert merge3(b"a\na\na\na\n", b"a\na\na\na\na\n", b"a\nb\na\na\n") is None


def test_texts_without_anything_in_common_cost_a_bounded_time() -> None:
    """Two long texts that differ everywhere are a conflict, and not an hour's work."""
    base, ours, theirs = (
        b"".join(b"%s %d\n" % (word, n % 7) for n in range(share(50_000))) for word in (b"a", b"b", b"c")
    )
    assert merge3(base, ours, theirs) is None
