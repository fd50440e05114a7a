"""Whether two patterns meet: the functions of lua/shared/overlap.lua against trying every path."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines import Engine

from ezaigents import team
from ezaigents.engine import BlockingConnection

_OVERLAP = (Path(team.__file__).parent / "lua" / "shared" / "overlap.lua").read_text()
_SCRIPT = f"{_OVERLAP}\nreturn {{ overlap(ARGV[1], ARGV[2]) and 1 or 0, overlap(ARGV[2], ARGV[1]) and 1 or 0 }}"
_LONGEST = 7
"""Of two patterns of four parts each, a common path needs no more characters than both have together, less a slash."""
_names = st.text("ab?*", min_size=1, max_size=2) | st.just("**")
_patterns = st.lists(_names, min_size=1, max_size=2).map("/".join)


@pytest.fixture(scope="module")
def connection(engine: Engine) -> Iterator[BlockingConnection]:
    with BlockingConnection(engine.address) as connection:
        yield connection


def _meet(connection: BlockingConnection, one: str, other: str) -> bool:
    there, back = connection.call("EVAL", _SCRIPT, 0, one, other)
    assert there == back, f"{one} and {other} meet, and do not"
    return bool(there)


@cache
def _paths() -> list[str]:
    """Every path of up to seven characters, made of a, b and slashes."""
    texts = ("".join(chars) for size in range(1, _LONGEST + 1) for chars in itertools.product("ab/", repeat=size))
    return [text for text in texts if "" not in text.split("/")]


@cache
def _matched(pattern: str) -> frozenset[str]:
    """What a pattern stands for, said by another engine altogether."""
    names = pattern.split("/")
    said = []
    for number, name in enumerate(names):
        last = number == len(names) - 1
        if name == "**":
            said.append("[^/]+(?:/[^/]+)*" if last else "(?:[^/]+/)*")
        else:
            said.append(name.replace("*", "[^/]*").replace("?", "[^/]") + ("" if last else "/"))
    whole = re.compile("".join(said))
    return frozenset(path for path in _paths() if whole.fullmatch(path))


@given(one=_patterns, other=_patterns)
@settings(max_examples=400, deadline=None)
def test_patterns_meet_exactly_where_a_path_matches_both(connection: BlockingConnection, one: str, other: str) -> None:
    """For paths and patterns, in both directions: no conflict is missed and none is invented."""
    assert _meet(connection, one, other) == bool(_matched(one) & _matched(other)), (one, other)


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        ("a/*.py", "a/b*", True),
        ("a/*.py", "a/*.md", False),
        ("src/**", "src/a/b/c.py", True),
        ("src/**", "src", False),
        ("src/**", "srcs/a", False),
        ("**/test_*.py", "tests/unit/test_a.py", True),
        ("**/test_*.py", "test_a.py", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "**/b/**", True),
        ("a/*/z", "a/b/c/z", False),
        ("?.py", "ü.py", True),
        ("??.py", "ü.py", False),
        ("A.py", "a.py", False),
        ("a.py", "a.py", True),
        ("a-b", "a?b", True),
        ("a%d", "a%w", False),
        ("**", ".hidden/x", True),
        ("x/" * 2047 + "x", "x/" * 255 + "**", True),
    ],
)
def test_what_meets_what(connection: BlockingConnection, one: str, other: str, meets: bool) -> None:
    """Names are characters, not bytes; case counts; only `*`, `?` and `**` mean more than themselves."""
    assert _meet(connection, one, other) is meets
