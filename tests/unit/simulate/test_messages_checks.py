"""Anthropic's refusals: what the real one would not take, the simulated one does not take either."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.simulate.asked import CLAUDE, HEADERS, TOOL, read_claude

from ezaigents.simulate.asked import Refused
from ezaigents.simulate.wire.form import seal
from ezaigents.simulate.wire.messages import Messages

_ASKING = {"role": "user", "content": "hello"}
_USE = {"type": "tool_use", "id": "t1", "name": "read", "input": {}}
_RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
_THOUGHT = {"type": "thinking", "thinking": "hm", "signature": seal("claude-sonnet-5-5", "hm")}


def _turns(*contents: Any) -> list[dict[str, Any]]:
    roles = ("assistant", "user")
    return [_ASKING, *({"role": roles[number % 2], "content": one} for number, one in enumerate(contents))]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater"),
        ({"messages": None}, "messages: Field required"),
        ({"messages": []}, "at least one message"),
        ({"model": None}, "model: Field required"),
        ({"store": False}, "store: Extra inputs are not permitted"),
        ({"temperature": 0.2}, "temperature: only the default"),
        ({"top_p": 0.9}, "top_p: only the default"),
        ({"top_k": 5}, "top_k: not supported"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.type.enabled"),
        ({"tools": [TOOL], "tool_choice": {"type": "any"}}, "forced tool use"),
        ({"tool_choice": {"type": "auto"}}, "only be specified while providing tools"),
        ({"tools": [TOOL | {"name": "no spaces"}]}, r"tools\.0\.name"),
        ({"tools": [TOOL, TOOL]}, "must be unique"),
        ({"tools": [TOOL | {"input_schema": {}}]}, r"input_schema\.type"),
        ({"tools": [TOOL | {"parameters": {}}]}, r"tools\.0\.parameters: Extra inputs"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, 'must use the "user" role'),
        ({"messages": [{"role": "system", "content": "a"}]}, r"messages\.0\.role"),
        ({"messages": [{"role": "user", "content": ""}]}, "must be non-empty"),
        ({"messages": [{"role": "user", "content": []}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "must be non-empty"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "non-whitespace"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "video"),
        ({"system": [{"type": "text", "text": ""}]}, "system: text content blocks"),
        ({"messages": _turns("a")}, "prefill"),
        ({"messages": _turns([_USE], "go on")}, "without `tool_result` blocks immediately after: t1"),
        ({"messages": _turns("a", [_RESULT])}, "unexpected `tool_use_id`"),
        ({"messages": [{"role": "user", "content": [_RESULT]}]}, "unexpected `tool_use_id`"),
        ({"messages": _turns([_USE], [{"type": "text", "text": "a"}, _RESULT])}, "must come first"),
        ({"messages": _turns([_USE], [_RESULT, _RESULT])}, "single result"),
        ({"messages": _turns([_USE, _USE], [_RESULT])}, "must be unique"),
        ({"messages": [{"role": "user", "content": [_USE]}]}, "only be in `assistant`"),
        ({"messages": _turns([_THOUGHT | {"signature": "other"}, _USE], [_RESULT])}, "Invalid `signature`"),
        ({"messages": _turns([_THOUGHT], "a")}, "final block"),
        ({"model": "claude-opus-5-5", "messages": _turns([_THOUGHT, _USE], [_RESULT])}, "Invalid `signature`"),
        ({"cache_control": {"type": "for ever"}}, "cache_control"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1d"}}, "cache_control"),
        ({"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}] * 5}, "maximum of 4"),
    ],
)
def test_what_anthropic_refuses_is_refused(fields: dict[str, Any], words: str) -> None:
    """A wrong request is a 400 that names the field or the rule."""
    with pytest.raises(Refused, match=words) as caught:
        read_claude(**fields)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 1},
        {"model": "claude-opus-4-6", "temperature": 0.2, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"model": "claude-3-haiku-20240307", "temperature": 0.2},
        {"model": "claude-opus-5-5", "tools": [TOOL], "tool_choice": {"type": "any"}},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}, "metadata": {"user_id": "x"}},
        {"messages": _turns([_USE], [_RESULT, {"type": "text", "text": "and"}])},
        {"messages": _turns([_THOUGHT, _USE], [_RESULT])},
        {"messages": _turns([_USE], [{"type": "tool_result", "tool_use_id": "t1", "is_error": True}])},
        {"messages": [_ASKING, _ASKING]},
    ],
)
def test_what_anthropic_takes_is_taken(fields: dict[str, Any]) -> None:
    """A right request is read."""
    assert read_claude(**fields).prompt == "hello"


def test_the_version_must_be_said() -> None:
    """The header anthropic-version is needed."""
    with pytest.raises(Refused, match="anthropic-version"):
        Messages().read(b"{}", {})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"\xff"', b"[" * 100_000, b'{"model": "\\ud800"}'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """Whatever is sent, the answer is a 400."""
    with pytest.raises(Refused) as caught:
        Messages().read(body, HEADERS)
    assert caught.value.status == 400


def test_what_tools_answered_is_found() -> None:
    """Results are read in order, as text and as blocks, and turns are counted."""
    blocks = [{"type": "text", "text": "b1"}, {"type": "text", "text": "b2"}]
    messages = _turns(
        [_USE], [_RESULT], [_USE | {"id": "t2"}], [{"type": "tool_result", "tool_use_id": "t2", "content": blocks}]
    )
    asked = read_claude(messages=messages, tools=[TOOL])
    assert (asked.step, asked.results, asked.tools) == (2, ("x", "b1\nb2"), frozenset({"read"}))
    assert asked.max_tokens == CLAUDE["max_tokens"]
