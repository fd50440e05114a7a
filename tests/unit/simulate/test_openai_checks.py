"""OpenAI's refusals, and those of others who speak Chat Completions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.simulate.asked import read_chat, read_gpt

from ezaigents.simulate.asked import Refused
from ezaigents.simulate.wire.chat_others import SKIP_SIGNATURE, signature
from ezaigents.simulate.wire.failures import openai_failure
from ezaigents.simulate.wire.form import seal

_MODEL = "gpt-6.1-sol"
_ASKING = {"role": "user", "content": "hello"}
_CALL = {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"}
_OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "x"}
_THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": seal(_MODEL, "")}
_TOOL = {"type": "function", "name": "read", "parameters": {"type": "object", "properties": {"path": {}}}}
_CHAT_TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}


def _calls(*ids: str, **extra: Any) -> dict[str, Any]:
    called = [{"id": one, "type": "function", "function": {"name": "read", "arguments": "{}"}, **extra} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": called}


def _result(call: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call, "content": "x"}


@pytest.mark.parametrize(
    ("fields", "words", "param"),
    [
        ({"model": None}, "Missing required parameter: 'model'", "model"),
        ({"input": None}, "Missing required parameter: 'input'", "input"),
        ({"input": []}, "empty array", "input"),
        ({"messages": [_ASKING]}, "Unknown parameter: 'messages'", "messages"),
        ({"max_tokens": 5}, "Unknown parameter: 'max_tokens'", "max_tokens"),
        ({"store": "no"}, "Expected `bool", "store"),
        ({"max_output_tokens": 5}, "below minimum", "max_output_tokens"),
        ({"temperature": 0.5}, "Unsupported parameter: 'temperature'", "temperature"),
        ({"previous_response_id": "resp_1"}, "not found", "previous_response_id"),
        ({"background": True}, "store", "background"),
        ({"tools": [_CHAT_TOOL]}, "Unknown parameter: 'tools.0..function'", "tools[0].function"),
        ({"tools": [_TOOL | {"strict": True}]}, "additionalProperties", "tools[0].parameters"),
        ({"tools": [_TOOL | {"name": "no spaces"}]}, "does not match pattern", "tools[0].name"),
        ({"input": [_OUTPUT]}, "No tool call found for function call output with call_id c1", "input"),
        ({"input": [_ASKING, _CALL]}, "No tool output found for function call c1", "input"),
        (
            {"input": [_ASKING, {"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}]},
            "input_text",
            None,
        ),
        ({"input": [{"role": "user", "content": [{"type": "output_text", "text": "a"}]}]}, "output_text", None),
        ({"input": [{"role": "tool", "content": "a"}]}, "Invalid enum value 'tool'", None),
        (
            {"input": [_ASKING, _THOUGHT | {"encrypted_content": "x"}, _CALL, _OUTPUT]},
            "could not be verified",
            "input[1]",
        ),
        ({"input": [_ASKING, _THOUGHT]}, "required following item", "input"),
        ({"input": [_ASKING, _THOUGHT, _ASKING]}, "required following item", "input"),
        ({"model": "gpt-6-sol", "input": [_ASKING, _THOUGHT, _CALL, _OUTPUT]}, "could not be verified", "input[1]"),
        ({"reasoning": {"effort": "huge"}}, "Invalid enum value", "reasoning.effort"),
    ],
)
def test_what_responses_refuses_is_refused(fields: dict[str, Any], words: str, param: str | None) -> None:
    """A wrong request is a 400 that says what, and names the parameter."""
    with pytest.raises(Refused, match=words) as caught:
        read_gpt(**fields)
    assert caught.value.status == 400
    assert param is None or openai_failure(caught.value)["error"]["param"] == param


def test_a_thought_that_was_not_sealed_is_not_found() -> None:
    """Nothing is stored, so a thought that comes back as an id only is a 404."""
    with pytest.raises(Refused, match="not persisted") as caught:
        read_gpt(input=[_ASKING, {"type": "reasoning", "id": "rs_1", "summary": []}, _CALL, _OUTPUT])
    assert caught.value.status == 404


def test_items_of_the_assistant_in_a_row_are_one_turn() -> None:
    """Thought, words and calls of one answer count once, so parallel calls do not skip a step."""
    said = {"role": "assistant", "content": "a"}
    other = [_CALL | {"call_id": "c2"}, _OUTPUT | {"call_id": "c2"}]
    asked = read_gpt(input=[_ASKING, _THOUGHT, said, _CALL, other[0], _OUTPUT, other[1], said], stream=True)
    assert (asked.step, asked.results, asked.prompt, asked.stream) == (2, ("x", "x"), "hello", True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": None}, "Missing required parameter: 'model'"),
        ({"messages": []}, "empty array"),
        ({"input": "a"}, "Unrecognized request argument supplied: input"),
        ({"model": _MODEL, "max_tokens": 5}, "Use 'max_completion_tokens' instead"),
        ({"model": _MODEL, "temperature": 0.5}, "Unsupported value: 'temperature'"),
        ({"model": _MODEL, "thinking": {"type": "enabled"}}, "Unrecognized request argument supplied: thinking"),
        ({"stream_options": {"include_usage": True}}, "only allowed when 'stream'"),
        ({"tool_choice": "auto"}, "only allowed when 'tools'"),
        ({"tools": []}, "empty array"),
        ({"tools": [_TOOL]}, "tools"),
        ({"messages": [_ASKING, _result("c1")]}, "must be a response to a preceeding message"),
        ({"messages": [_ASKING, _calls("c1"), _result("c2")]}, "must be a response to a preceeding message"),
        ({"messages": [_ASKING, _calls("c1", "c2"), _result("c1")]}, "did not have response messages: c2"),
        ({"messages": [_ASKING, _calls("c1"), _ASKING]}, "did not have response messages: c1"),
        ({"messages": [_ASKING, {"role": "assistant", "content": None}]}, "expected a string, got null"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "robot"),
    ],
)
def test_what_chat_completions_refuses_is_refused(fields: dict[str, Any], words: str) -> None:
    """A wrong request is a 400 that says what."""
    with pytest.raises(Refused, match=words) as caught:
        read_chat(**fields)
    assert caught.value.status == 400


def test_what_others_added_is_taken_from_others() -> None:
    """Parameters of providers that follow OpenAI are known, where the model is not OpenAI's."""
    assert read_chat(thinking={"type": "enabled"}, max_tokens=7).max_tokens == 7


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([_ASKING, _calls("call_12345"), _result("call_12345")], "with a length of 9"),
        ([_ASKING, _calls("abcdefghi"), _result("abcdefghi"), _ASKING], "Unexpected role 'user' after role 'tool'"),
    ],
)
def test_what_mistral_refuses_is_refused(messages: list[Any], words: str) -> None:
    """Mistral takes short ids only, and no user right after a tool; others take both."""
    with pytest.raises(Refused, match=words):
        read_chat(model="mistral-large-4", messages=messages)
    assert read_chat(messages=messages).step == 1


def test_gemini_wants_its_signature_back() -> None:
    """The first call of a turn carries it, or the word that stands in for it."""
    with pytest.raises(Refused, match="thought_signature"):
        read_chat(model="gemini-3.8-flash", messages=[_ASKING, _calls("c1"), _result("c1")])
    for word in (SKIP_SIGNATURE, signature("read")):
        signed = _calls("c1", extra_content={"google": {"thought_signature": word}})
        assert read_chat(model="gemini-3.8-flash", messages=[_ASKING, signed, _result("c1")]).step == 1


@pytest.mark.parametrize(
    ("fields", "tells"),
    [
        ({}, True),
        ({"stream": True}, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True),
        ({"stream": True, "model": "mistral-large-4"}, True),
    ],
)
def test_a_stream_says_what_it_used_when_asked(fields: dict[str, Any], tells: bool) -> None:
    """As at OpenAI: only with include_usage, but at Mistral always."""
    assert read_chat(**fields).tells_usage is tells
