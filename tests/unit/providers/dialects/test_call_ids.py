"""Ids of tool calls on their way between providers."""

from __future__ import annotations

import re

import pytest

from ezaigents.providers.dialects.call_ids import ANY, NINE, WORD, CallIds, told_apart
from ezaigents.providers.transcript import ToolCall


@pytest.mark.parametrize(
    ("form", "own"), [(ANY, "functions.read:0"), (WORD, "toolu_01A"), (NINE, "a1b2c3d4e"), (ANY, "x" * 64)]
)
def test_an_id_that_will_do_is_kept(form: re.Pattern[str], own: str) -> None:
    """A provider gets its own ids back."""
    ids = CallIds(form)
    assert (ids.call(own), ids.result(own)) == (own, own)


@pytest.mark.parametrize("form", [ANY, WORD, NINE])
@pytest.mark.parametrize("own", ["", "has space", "é", "x" * 65, "\ud800"])
def test_an_id_that_will_not_do_is_replaced_the_same_way_every_time(form: re.Pattern[str], own: str) -> None:
    """Calls, results and later steps agree on the new one."""
    ids, later = CallIds(form), CallIds(form)
    sent = ids.call(own)
    assert form.fullmatch(sent)
    assert {ids.result(own), later.call(own)} == {sent}


@pytest.mark.parametrize("form", [ANY, WORD, NINE])
def test_an_id_that_comes_again_is_told_apart(form: re.Pattern[str]) -> None:
    """A server that counts from nought in every answer breaks nothing; results go to the newest call."""
    ids = CallIds(form)
    pairs = [(ids.call("call_0"), ids.result("call_0")) for _ in range(5)]
    assert all(call == result for call, result in pairs)
    assert len(set(pairs)) == 5


def test_calls_of_one_answer_each_get_an_id() -> None:
    """Missing and repeated ids are made up from what the answer says, so that reading it again gives the same."""
    calls = [ToolCall(id=own, name="read", arguments="{}") for own in ("", "a", "a", "")]
    apart = told_apart(calls, "answer-1")
    assert len({call.id for call in apart}) == 4
    assert apart[1].id == "a"
    assert apart == told_apart(calls, "answer-1")
    assert apart[0].id != told_apart(calls, "answer-2")[0].id
