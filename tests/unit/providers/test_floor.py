"""Our own count of what a call used."""

from __future__ import annotations

import pytest

from ezaigents.providers import Reply, Stop, Text, Thinking, ToolCall, floor_usage
from ezaigents.records import Usage


def _reply(usage: Usage | None, text: str = "x" * 3000) -> Reply:
    return Reply(id="1", route="a:m", model="m", parts=(Text(text),), stop=Stop.END, usage=usage)


def test_usage_that_can_be_is_taken_as_it_is() -> None:
    """What a provider counts counts, also where it is well below or above ours."""
    for said in (Usage(input=700, output=200), Usage(input=10, cache_read=5000, output=9000, reasoning=8000)):
        assert floor_usage(10_000, _reply(said)) == said


def test_missing_usage_is_counted_from_bytes() -> None:
    """A provider that says nothing is not free."""
    assert floor_usage(9000, _reply(None)) == Usage(input=3000, output=1000)


@pytest.mark.parametrize("said", [Usage(), Usage(input=1, output=1), Usage(input=-5, output=-9), Usage(cache_read=3)])
def test_less_than_can_be_is_not_believed(said: Usage) -> None:
    """Impossible counts are replaced by our own, and never lower the sum."""
    settled = floor_usage(9000, _reply(said))
    assert settled.input_total == 3000
    assert settled.output == 1000
    assert min(settled.input, settled.output) >= 0


def test_each_side_is_judged_by_itself() -> None:
    """A lie about the output does not undo an honest count of the input."""
    assert floor_usage(9000, _reply(Usage(input=2500, cache_read=7, output=0))) == Usage(
        input=2500, cache_read=7, output=1000
    )


def test_absurd_counts_do_not_overflow_what_adds_them_up() -> None:
    """A count nobody can mean is cut."""
    assert floor_usage(10, _reply(Usage(input=10**18, output=10**18))).input_total <= 10**9


def test_all_that_the_model_wrote_is_output() -> None:
    """Calls of tools and visible thinking are counted; a provider's own sealed block is not the model's words."""
    parts = (
        ToolCall(id="1", name="edit", arguments="a" * 2996),
        Thinking(model="a:m", text="t" * 3000, opaque="o" * 9000),
        Text("\ud800" * 1000),
    )
    reply = Reply(id="1", route="a:m", model="m", parts=parts, stop=Stop.TOOLS)
    assert floor_usage(0, reply).output == 3000
