"""Records to bytes and back, text made safe."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ezaigents.codec import (
    from_json,
    from_pack,
    from_plain,
    printable,
    restored,
    storable,
    to_json,
    to_pack,
    to_pretty_json,
)
from ezaigents.records import OPEN_STATES, TERMINAL_STATES, Run, RunCounts, Task, TaskKind, TaskState, lane_of

any_text = st.text(alphabet=st.characters())
surrogate_text = st.text(
    alphabet=st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF) | st.sampled_from("a\\u0xé")
)


@given(any_text | surrogate_text)
def test_storable_text_is_utf8_and_comes_back(text: str) -> None:
    """Whatever a file name holds, its stored form is UTF-8, and `restored` gives the very name."""
    assert restored(storable(text).encode().decode()) == text


@given(surrogate_text)
def test_different_names_stay_different(text: str) -> None:
    """A name that looks like an escape is not taken for one."""
    other = storable(text)
    assert (storable(other) == other) == ("\\" not in other)


@given(any_text | surrogate_text)
def test_printable_text_is_one_harmless_line(text: str) -> None:
    """No control character, no line break and no lone surrogate reaches a terminal or a log."""
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()
    assert len(shown.splitlines()) <= 1


def test_plain_text_is_shown_as_it_is() -> None:
    """Letters of every script stay readable."""
    assert printable("src/naïve 漢字.py") == "src/naïve 漢字.py"
    assert printable("a\nb\x1b[31m\udcff") == "a\\nb\\x1b[31m\\udcff"


def test_records_survive_json_and_pack() -> None:
    """A record is what it was, in compact JSON, pretty JSON and MessagePack."""
    run = Run(
        id="r", prompt="é\0\n", agent="a", kind=TaskKind.EDIT, workspace="/w", place="p", counts=RunCounts(total=2)
    )
    assert from_json(to_json(run), Run) == run
    assert from_json(to_pretty_json(run), Run) == run
    assert from_pack(to_pack(run), Run) == run
    assert to_pretty_json(run).endswith(b"}\n")


def test_numbers_as_text_are_read_where_the_type_says_so() -> None:
    """The engine keeps numbers as text; a fence beyond 2**53 keeps its digits."""
    task = from_plain(
        {"id": "i", "state": "ready", "run": "r", "agent": "a", "place": "p", "fence": "9007199254740993"}, Task
    )
    assert task.fence == 9007199254740993


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"id": 1}', b"NaN", b"\xff", b"[" * 100_000])
def test_bad_json_is_a_decode_error(data: bytes) -> None:
    """Malformed, wrong, or nested 10^5 deep: one sort of error, and never a crash."""
    with pytest.raises((msgspec.DecodeError, RecursionError, UnicodeDecodeError)):
        from_json(data, Task)


def test_states_are_open_or_terminal() -> None:
    """Eight states, four and four, and `terminal` says which."""
    assert len(TaskState) == 8
    assert set(TaskState) == OPEN_STATES | TERMINAL_STATES
    assert not OPEN_STATES & TERMINAL_STATES
    assert {state for state in TaskState if state.terminal} == TERMINAL_STATES


def test_counts_know_what_is_open() -> None:
    """Open is what has not ended in any of the four ways."""
    assert RunCounts(total=10, done=1, dead=2, cancelled=3, skipped=1).open == 3


def test_a_lane_is_agent_and_place() -> None:
    """One word for both."""
    assert lane_of("local", "abc") == "local@abc"
