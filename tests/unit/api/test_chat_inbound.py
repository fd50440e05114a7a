"""Requests in OpenAI's form as requests that no provider owns."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from ezaigents.api.chat.inbound import last_words, neutral_request
from ezaigents.api.chat.request import ChatRequest
from ezaigents.errors import InputError
from ezaigents.providers import Request, Role, Text, ToolCall, ToolResult, ToolUse, Turn

USER = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
OTHER = {"id": "c2", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def _asked(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    return msgspec.convert({"model": "claude", "messages": messages or (USER,), **fields}, ChatRequest)


def _neutral(*messages: dict[str, Any], **fields: Any) -> Request:
    return neutral_request(_asked(*messages, **fields))


def _said(role: str, content: object, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def _result(call: str, content: object = "seen") -> dict[str, Any]:
    return _said("tool", content, tool_call_id=call)


def test_every_parameter_that_openai_documents_is_known() -> None:
    """None of them is called unknown: it has effect, has none, or is refused, as the record says."""
    assert set(CompletionCreateParamsBase.__annotations__) | {"stream"} == set(ChatRequest.__struct_fields__)


def test_the_plain_case() -> None:
    """One message of a user is one turn; nothing else is said for the asker."""
    assert _neutral() == Request(
        system="", turns=(Turn(Role.USER, (Text("hello"),)),), max_output_tokens=0, tool_use=ToolUse.FREE
    )


def test_system_and_developer_messages_come_first_together() -> None:
    """Wherever they stand, their words are told before everything."""
    got = _neutral(_said("system", "Be kind."), USER, _said("developer", [{"type": "text", "text": "Be short."}]))
    assert got.system == "Be kind.\n\nBe short."
    assert got.turns == (Turn(Role.USER, (Text("hello"),)),)


def test_pieces_of_text_are_lines() -> None:
    """Text in parts is one text; a refusal of the model's is its words."""
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": ""}, {"type": "text", "text": "b"}]
    got = _neutral(_said("user", parts), _said("assistant", [{"type": "refusal", "refusal": "no"}]), USER)
    assert [turn.parts for turn in got.turns] == [(Text("a\nb"),), (Text("no"),), (Text("hello"),)]


def test_turns_alternate() -> None:
    """Messages of one side in a row are one turn, in their order."""
    got = _neutral(USER, _said("user", "again"), _said("assistant", "hi"), _said("assistant", "there"), USER)
    assert got.turns == (
        Turn(Role.USER, (Text("hello"), Text("again"))),
        Turn(Role.ASSISTANT, (Text("hi"), Text("there"))),
        Turn(Role.USER, (Text("hello"),)),
    )


def test_calls_of_tools_and_their_answers() -> None:
    """What tools answered is said in the user's turn, before what he says himself; a system message is no gap."""
    got = _neutral(
        USER,
        _said("assistant", None, tool_calls=[CALL, OTHER]),
        _result("c2"),
        _said("system", "Go on."),
        _result("c1", [{"type": "text", "text": "x"}]),
        USER,
    )
    assert got.turns[1] == Turn(
        Role.ASSISTANT,
        (ToolCall(id="c1", name="look", arguments='{"at": 1}'), ToolCall(id="c2", name="look", arguments="{}")),
    )
    assert got.turns[2] == Turn(
        Role.USER, (ToolResult(call="c2", text="seen"), ToolResult(call="c1", text="x"), Text("hello"))
    )


def test_an_answer_as_it_came_goes_back_in() -> None:
    """Fields of an answer's message that mean nothing here, and nulls, are passed over."""
    message = _said(
        "assistant", None, tool_calls=[CALL], refusal=None, audio=None, function_call=None, annotations=[], name="x"
    )
    assert len(_neutral(USER, message, _result("c1")).turns) == 3


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "messages"),
        ([_said("system", "x")], "messages"),
        ([_said("assistant", "x"), USER], "messages"),
        ([USER, _said("assistant", "x")], "messages"),
        ([USER, _result("c1")], "messages[1].tool_call_id"),
        ([USER, _said("assistant", "", tool_calls=[CALL]), USER], "messages[2]"),
        ([USER, _said("assistant", "", tool_calls=[CALL])], "messages"),
        ([USER, _said("assistant", "", tool_calls=[CALL, OTHER]), _result("c1")], "messages"),
        ([USER, _said("assistant", "", tool_calls=[CALL]), _result("c1"), _result("c1")], "messages[3].tool_call_id"),
        ([USER, _said("assistant", "", tool_calls=[CALL, CALL]), _result("c1")], "messages[1].tool_calls"),
        ([USER, _said("assistant", "x", function_call={"name": "x"}), USER], "messages[1].function_call"),
        ([USER, _said("assistant", "x", audio={"id": "x"}), USER], "messages[1].audio"),
    ],
)
def test_a_conversation_that_is_none_is_refused(messages: list[dict[str, Any]], field: str) -> None:
    """Calls have their answers right behind them, and the user speaks first and last."""
    with pytest.raises(InputError) as refused:
        neutral_request(msgspec.convert({"model": "m", "messages": messages}, ChatRequest))
    assert refused.value.field == field


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file", "video", ""])
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_what_is_no_text_is_refused(kind: str, role: str) -> None:
    """Images, audio and files are named with their place, not left out."""
    message = _said(role, [{"type": "text", "text": "see"}, {"type": kind, kind or "x": {}}])
    with pytest.raises(InputError, match="only text") as refused:
        _neutral(USER, message, USER)
    assert refused.value.field == "messages[1].content[1]"


@pytest.mark.parametrize(
    "fields",
    [
        {"stop": "x"}, {"logprobs": True}, {"top_logprobs": 2}, {"logit_bias": {"1": 1}}, {"audio": {"voice": "x"}},
        {"prediction": {"type": "content"}}, {"web_search_options": {"x": 1}}, {"functions": [{"name": "x"}]},
        {"function_call": "auto"}, {"store": True}, {"n": 2}, {"n": 0}, {"parallel_tool_calls": False},
        {"response_format": {"type": "json_schema", "json_schema": {}}}, {"modalities": ["text", "audio"]},
        {"reasoning_effort": "extreme"}, {"stream_options": {"include_usage": True}}, {"max_tokens": 0},
        {"max_completion_tokens": -1}, {"tool_choice": "required"}, {"moderation": {"x": 1}},
        {"tool_choice": {"type": "function", "function": {"name": "look"}}},
    ],
)  # fmt: skip
def test_what_cannot_be_done_as_it_is_meant_is_refused(fields: dict[str, Any]) -> None:
    """A field that would change the answer, and cannot, is named."""
    with pytest.raises(InputError) as refused:
        _neutral(**fields)
    assert refused.value.field == next(iter(fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"stop": None}, {"stop": []}, {"logprobs": False}, {"logit_bias": {}}, {"store": False}, {"n": 1},
        {"parallel_tool_calls": True}, {"response_format": {"type": "text"}}, {"modalities": ["text"]},
        {"temperature": 0.2}, {"top_p": 0.5}, {"seed": 7}, {"frequency_penalty": 1}, {"presence_penalty": 1},
        {"user": "me"}, {"safety_identifier": "me"}, {"metadata": {"a": "b"}}, {"service_tier": "auto"},
        {"verbosity": "low"}, {"stream": True, "stream_options": {"include_usage": True}}, {"tool_choice": "none"},
    ],
)  # fmt: skip
def test_what_asks_for_nothing_changes_nothing(fields: dict[str, Any]) -> None:
    """Defaults that are said, and what no model here has, leave the request as it is."""
    got = _neutral(**fields)
    assert msgspec.structs.replace(got, tool_use=ToolUse.FREE) == _neutral()


def test_limits_effort_and_cache() -> None:
    """What a request may say about its answer is carried on; of both names of the limit the newer one counts."""
    got = _neutral(max_tokens=10, max_completion_tokens=20, reasoning_effort="low", prompt_cache_key="k")
    assert (got.max_output_tokens, got.effort, got.cache_key) == (20, "low", "k")
    assert _neutral(max_tokens=10).max_output_tokens == 10


def test_tools() -> None:
    """A tool keeps its name, words and schema, which is always that of an object."""
    [look, bare] = _neutral(tools=[TOOL, {"type": "function", "function": {"name": "bare"}}]).tools
    assert (look.name, look.description, json.loads(look.schema)) == (
        "look", "Looks.", {"type": "object", "properties": {}},
    )  # fmt: skip
    assert (bare.description, json.loads(bare.schema)) == ("", {"type": "object", "properties": {}})


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "look"])
def test_tools_have_names_of_their_own(name: str) -> None:
    """A name that some provider refuses, or a second of the same, is refused here."""
    with pytest.raises(InputError) as refused:
        _neutral(tools=[TOOL, {"type": "function", "function": {"name": name}}])
    assert refused.value.field == "tools[1].function.name"


def test_at_most_so_many_tools() -> None:
    """There is a bound."""
    tools = [{"type": "function", "function": {"name": f"t{number}"}} for number in range(129)]
    assert len(_neutral(tools=tools[:128]).tools) == 128
    with pytest.raises(InputError, match="128"):
        _neutral(tools=tools)


@pytest.mark.parametrize(
    ("choice", "use", "tool"),
    [
        (None, ToolUse.FREE, ""),
        ("auto", ToolUse.FREE, ""),
        ("none", ToolUse.NONE, ""),
        ("required", ToolUse.SOME, ""),
        ({"type": "function", "function": {"name": "look"}}, ToolUse.NAMED, "look"),
    ],
)
def test_which_tool_is_to_be_called(choice: object, use: ToolUse, tool: str) -> None:
    """Each choice has its own."""
    got = _neutral(tools=[TOOL], tool_choice=choice)
    assert (got.tool_use, got.tool) == (use, tool)


def test_an_agent_is_chosen_by_what_the_user_said_last() -> None:
    """His words, wherever tools answered after them."""
    asked = _asked(_said("system", "s"), _said("user", "first"), _said("assistant", "a"), _said("user", "last"))
    assert last_words(asked) == "last"
    assert last_words(_asked(_said("system", "s"))) == ""
