"""Whatever comes over the wire, it ends in a Reply or a CallFailed, and whatever a task holds can be sent."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.dialects.asking import full
from tests.contract.dialects.samples import ROUTE, SAMPLES
from tests.effort import share

from ezaigents.providers.dialects import DIALECTS, Quirks, dialect
from ezaigents.providers.errors import CallFailed
from ezaigents.providers.transcript import Part, Reply, Role, Text, Thinking, ToolCall, ToolResult, Turn

_STREAM_WORDS = """
type message_start message_delta message_stop content_block_start content_block_delta content_block_stop error
response.completed response.failed response.output_item.done
"""
_FIELD_WORDS = """
message content delta text text_delta thinking signature tool_use input partial_json index usage input_tokens id code
output_tokens stop_reason end_turn choices finish_reason stop tool_calls function name arguments response output item
status completed summary details
"""
_WORDS = re.findall(r"\S+", _STREAM_WORDS + _FIELD_WORDS)
_text = st.one_of(st.sampled_from(_WORDS), st.text(st.characters(), max_size=8))
_scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _text)
_json = st.recursive(_scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=5))
_few = settings(max_examples=share(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _survives(name: str, body: bytes) -> None:
    wire = dialect(name)
    reading = wire.reading(route=ROUTE)
    with suppress(CallFailed):
        reading.feed(body)
        assert isinstance(reading.reply(), Reply)
    with suppress(CallFailed):
        assert isinstance(wire.reply(body, route=ROUTE), Reply)
    assert isinstance(wire.failure(400, {"retry-after": body[:20].decode("latin-1")}, body), CallFailed)


@pytest.mark.parametrize("name", DIALECTS)
@_few
@given(body=st.binary(max_size=400))
def test_any_bytes_are_survived(name: str, body: bytes) -> None:
    """Bytes that mean nothing are a failure, not another exception."""
    _survives(name, body)
    _survives(name, b"data: " + body + b"\n\n")


@pytest.mark.parametrize("name", DIALECTS)
@_few
@given(events=st.lists(_json, max_size=6))
def test_any_json_is_survived(name: str, events: list[Any]) -> None:
    """Well formed JSON of the wrong shape, in which the dialect's own words occur, is survived too."""
    _survives(name, b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events))
    for event in events[:2]:
        _survives(name, json.dumps(event).encode())


def _changed(value: Any, path: list[int], other: Any) -> Any:
    """The value with whatever the path leads to replaced."""
    if not path or not isinstance(value, dict | list) or not value:
        return other
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = keys[path[0] % len(keys)]
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = _changed(copy[key], path[1:], other)
    return copy


@_few
@given(
    sample=st.sampled_from(SAMPLES),
    event=st.integers(0, 30),
    path=st.lists(st.integers(0, 12), min_size=1, max_size=6),
    other=_json,
)
def test_an_answer_with_one_wrong_field_is_survived(sample: Any, event: int, path: list[int], other: Any) -> None:
    """A real answer, in one place of which something else stands."""
    if not sample.stream:
        return _survives(sample.dialect, json.dumps(_changed(json.loads(sample.body), path, other)).encode())
    lines = sample.body.decode().split("\n")
    data = [number for number, line in enumerate(lines) if line.startswith("data: {")]
    number = data[event % len(data)]
    lines[number] = f"data: {json.dumps(_changed(json.loads(lines[number][6:]), path, other))}"
    return _survives(sample.dialect, "\n".join(lines).encode())


_wild = st.text(st.characters(exclude_categories=()), max_size=20)
_part: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, _wild),
    st.builds(Thinking, model=st.sampled_from([ROUTE, "other:model"]), text=_wild, opaque=_wild | st.just('{"a":1}')),
    st.builds(ToolCall, id=_wild, name=_wild, arguments=_wild | st.just('{"a": "\\ud800"}')),
    st.builds(ToolResult, call=_wild, text=_wild, failed=st.booleans()),
)
_turns = st.lists(st.builds(Turn, st.sampled_from(list(Role)), st.lists(_part, max_size=5).map(tuple)), max_size=5)


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("quirks", [Quirks(), Quirks(keeps_thinking=True, short_call_ids=True, user_after_tool=False)])
@_few
@given(turns=_turns, system=_wild)
def test_any_task_can_be_sent(name: str, quirks: Quirks, turns: list[Turn], system: str) -> None:
    """Lone surrogates, NUL, names and arguments that a model made up: the body is JSON, and so are arguments."""
    request = msgspec.structs.replace(full(), turns=tuple(turns), system=system)
    body = json.loads(dialect(name).body(request, quirks, route=ROUTE).decode("utf-8"))
    assert body["model"] == "some-model"
    for call in _calls(body):
        json.loads(call["arguments"])


def _calls(body: dict[str, Any]) -> list[dict[str, Any]]:
    if "input" in body:
        return [item for item in body["input"] if item.get("type") == "function_call"]
    return [call["function"] for message in body["messages"] for call in message.get("tool_calls", ())]
