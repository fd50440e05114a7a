"""What a task may be, without an engine."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ezaigents.codec import storable
from ezaigents.errors import InputError
from ezaigents.ids import ID_LENGTH
from ezaigents.queue.limits import TITLE_MAX_BYTES, check_specs
from ezaigents.records import Run, TaskKind, TaskSpec

ID = "0" * ID_LENGTH
RUN = Run(id=ID, prompt="p", agent="a", kind=TaskKind.ANALYZE, workspace="/w", place="b")
SPEC = TaskSpec(id=ID, run=ID, agent="a", place="b")


def _check(**fields: Any) -> None:
    check_specs([SPEC, msgspec.structs.replace(SPEC, **fields)], RUN)


def test_a_plain_task_is_fine() -> None:
    """The defaults are within the limits."""
    _check()


@pytest.mark.parametrize("name", ["a b", "a\n", "a@", "@", "!", "a!", "", "é" * 65, "x" * 129, "\udc80"])
@pytest.mark.parametrize("field", ["agent", "place"])
def test_names_in_a_lane_hold_no_separator(field: str, name: str) -> None:
    """Agent and place are parsed out of the lane's name, so neither may hold what stands between them."""
    with pytest.raises(InputError) as refusal:
        _check(**{field: name})
    assert refusal.value.field == field


@pytest.mark.parametrize("bad", ["", "0" * 17, "0" * 19, "O" * 18, "0" * 17 + "\n", "\udc80" * 18])
def test_ids_have_the_form_of_ids(bad: str) -> None:
    """The scripts cut ids out of texts by their length; every id has exactly 18 known characters."""
    for field, fields in (("id", {"id": bad}), ("parents", {"parents": (ID, bad)})):
        with pytest.raises(InputError) as refusal:
            _check(**fields)
        assert refusal.value.field == field
    with pytest.raises(InputError, match="run"):
        check_specs([], msgspec.structs.replace(RUN, id=bad))


@given(st.text(alphabet=st.characters(), max_size=600))
def test_storable_text_passes_when_it_is_short_enough(text: str) -> None:
    """Any text that UTF-8 can carry is fine up to its limit in bytes; `storable` makes any text such a one."""
    stored = storable(text)
    if len(stored.encode()) <= TITLE_MAX_BYTES:
        _check(title=stored)
    else:
        with pytest.raises(InputError, match="limit 1024"):
            _check(title=stored)


@given(st.integers() | st.floats() | st.booleans() | st.none() | st.text())
def test_a_priority_is_a_whole_number_from_0_to_9(value: object) -> None:
    """NaN, huge, negative, fractional and boolean values are refused by the field's name, whatever they are."""
    if type(value) is int and 0 <= value <= 9:
        _check(priority=value)
    else:
        with pytest.raises(InputError, match=r"^priority: must be a whole number from 0 to 9"):
            _check(priority=value)
