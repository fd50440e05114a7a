"""Each step reads from the provider's cache what the step before it sent."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from tests.contract.dialects.asking import ROUTE, grown

from ezaigents.providers.dialects import DIALECTS, Quirks, dialect

_STEPS = 20
_MARK = b',"cache_control":{"type":"ephemeral"}'


def body(name: str, steps: int, quirks: Quirks | None = None) -> bytes:
    return dialect(name).body(grown(steps), quirks or Quirks(cache_key=True), route=ROUTE)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_step_repeats_the_one_before_byte_by_byte(name: str) -> None:
    """But for cache marks, the next body is this one and more; over a task at least 90 % of the bytes are unchanged."""
    bodies = [body(name, steps).replace(_MARK, b"") for steps in range(_STEPS)]
    unchanged = 0
    for before, after in pairwise(bodies):
        repeated = before.removesuffix(b"]}")
        assert after.startswith(repeated)
        unchanged += len(repeated)
    assert unchanged >= 0.9 * sum(map(len, bodies))


@pytest.mark.parametrize("name", DIALECTS)
def test_the_same_request_is_the_same_bytes(name: str) -> None:
    """Nothing in a body depends on the time, on chance or on the process."""
    assert body(name, 5) == body(name, 5)


def _marked(value: Any) -> list[Any]:
    """Where the marks are: the blocks that carry one, in order."""
    if isinstance(value, dict):
        own = [value] if "cache_control" in value else []
        return own + [found for inner in value.values() for found in _marked(inner)]
    return [found for inner in value for found in _marked(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("steps", range(_STEPS))
def test_four_marks_at_most_and_the_last_was_the_newest_before(steps: int) -> None:
    """A step writes behind the newest turn and reads what the step before wrote there."""
    sent = json.loads(body("anthropic", steps))
    marked = _marked(sent)
    assert len(marked) <= 4
    assert marked[:2] == [sent["tools"][-1], sent["system"][-1]]
    assert marked[-1] == sent["messages"][-1]["content"][-1]
    if steps:
        before = json.loads(body("anthropic", steps - 1))
        assert marked[-2] == _marked(before)[-1]


def test_without_caching_there_is_no_mark() -> None:
    """An endpoint that knows no marks gets none."""
    assert _MARK not in body("anthropic", 3, Quirks(caching=False))
