"""What a file lease may be on, without an engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ezaigents.errors import InputError, LimitReached
from ezaigents.team.patterns import PATH_MAX_BYTES, PATTERNS_MOST, WILD_MOST, WILDCARD_MAX_BYTES, check_pattern, checked


@pytest.mark.parametrize(
    "pattern",
    ["a", "a.py", "src/**", "**", "**/x?.py", "a b/ü", ".hidden", "...", "..a/b..", "~", "%2e%2e/x", "a\udcff", "[x]",
     "a/" * (PATH_MAX_BYTES // 2) + "a", "é" * 127, "a/" * (WILDCARD_MAX_BYTES // 2 - 1) + "b*", "\udcff" * 255],
)  # fmt: skip
def test_paths_and_patterns_beneath_the_workspace_are_fine(pattern: str) -> None:
    """Whatever else a name holds, it names something beneath the workspace."""
    check_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("", "names no file"), (".", "names no file"), ("/", "outside"), ("/etc/passwd", "outside"), ("..", "outside"),
        ("../a", "outside"), ("a/../../b", "outside"), ("a/..", "outside"), ("a//b", "shortest"), ("a/", "shortest"),
        ("./a", "shortest"), ("a\0b", "control"), ("a\nb", "control"), ("a\x85", "control"), ("\x7f", "control"),
        ("a/" * (PATH_MAX_BYTES // 2) + "aa", "4096 bytes"), ("a/" * (WILDCARD_MAX_BYTES // 2) + "*", "513 bytes"),
        ("a/" + "é" * 128 + "/b", "a name of 256 bytes"), ("a\ud800", "half a character"),
    ],
)  # fmt: skip
def test_what_leaves_the_workspace_is_refused(pattern: str, word: str) -> None:
    """Outside paths, several spellings of one path, and what no list could show; the message says which."""
    with pytest.raises(InputError, match=word) as refusal:
        check_pattern(pattern)
    assert refusal.value.field == "pattern"
    assert "\n" not in str(refusal.value)
    assert "\0" not in str(refusal.value)


@given(st.text())
def test_whatever_is_accepted_stays_beneath(pattern: str) -> None:
    """No accepted text is absolute, climbs, or has two spellings."""
    try:
        check_pattern(pattern)
    except InputError:
        return
    names = pattern.split("/")
    assert not {"", ".", ".."} & set(names)


def test_patterns_are_sorted_and_taken_once() -> None:
    """The order in which somebody names them makes no difference."""
    assert checked(["b", "a", "b"]) == ("a", "b")


def test_there_are_neither_none_nor_too_many() -> None:
    """An empty list is a mistake; too many are told how to ask for less."""
    with pytest.raises(InputError):
        checked([])
    checked(map(str, range(PATTERNS_MOST)))
    for too_many in (map(str, range(PATTERNS_MOST + 1)), (f"{number}/*" for number in range(WILD_MOST + 1))):
        with pytest.raises(LimitReached, match=r"src/\*\*"):
            checked(too_many)
