"""Request bodies, field by field."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.contract.dialects.asking import BARE, ROUTE, full

from ezaigents.errors import ConfigError
from ezaigents.providers.dialects import DIALECTS, Effort, Quirks, dialect
from ezaigents.providers.transcript import Part, Request, Role, Text, Thinking, ToolCall, ToolResult, ToolUse, Turn

MARK = {"type": "ephemeral"}
READ_SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}},
    "required": ["path"],
    "additionalProperties": False,
}
LIST_SCHEMA = {"type": "object", "properties": {}}


def body(name: str, request: Request, quirks: Quirks | None = None) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(dialect(name).body(request, quirks or Quirks(), route=ROUTE))
    return sent


def turns(*groups: tuple[Role, list[Part]]) -> Request:
    return msgspec.structs.replace(BARE, turns=tuple(Turn(role, tuple(parts)) for role, parts in groups))


def test_anthropic() -> None:
    """Everything a request has, as Anthropic Messages."""
    kept = '{"type": "thinking",  "thinking": "t", "signature": "s"}'
    request = full(Thinking(model=ROUTE, text="t", opaque=kept), Thinking(model="other:model", opaque=kept))
    assert body("anthropic", request, Quirks(effort=Effort.THINKING)) == {
        "model": "some-model",
        "max_tokens": 4000,
        "stream": True,
        "output_config": {"effort": "high"},
        "thinking": {"type": "adaptive"},
        "tools": [
            {"name": "read", "description": "Read a window of a file.", "input_schema": READ_SCHEMA},
            {"name": "list", "description": "List files.", "input_schema": LIST_SCHEMA, "cache_control": MARK},
        ],
        "system": [{"type": "text", "text": "You are careful.", "cache_control": MARK}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Add hints.", "cache_control": MARK}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "s"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "call_A", "name": "read", "input": {"path": "é.py"}},
                    {"type": "tool_use", "id": "call_B", "name": "list", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_A", "content": "no such file", "is_error": True},
                    {"type": "tool_result", "tool_use_id": "call_B", "content": "e.py"},
                    {"type": "text", "text": "Four steps are left.", "cache_control": MARK},
                ],
            },
        ],
    }
    assert kept.encode() in dialect("anthropic").body(request, Quirks(), route=ROUTE)


def test_responses() -> None:
    """Everything a request has, as OpenAI Responses."""
    kept = '{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}'
    request = full(Thinking(model=ROUTE, opaque=kept), Thinking(model="other:model", opaque=kept))
    assert body("responses", request, Quirks(effort=Effort.EFFORT, cache_key=True)) == {
        "model": "some-model",
        "max_output_tokens": 4000,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "stream": True,
        "reasoning": {"effort": "high"},
        "prompt_cache_key": "task-1",
        "instructions": "You are careful.",
        "tools": [
            {
                "type": "function",
                "name": "read",
                "description": "Read a window of a file.",
                "parameters": READ_SCHEMA,
                "strict": False,
            },
            {
                "type": "function",
                "name": "list",
                "description": "List files.",
                "parameters": LIST_SCHEMA,
                "strict": False,
            },
        ],
        "input": [
            {"type": "message", "role": "user", "content": "Add hints."},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
            {"type": "message", "role": "assistant", "content": "I look."},
            {"type": "function_call", "call_id": "call_A", "name": "read", "arguments": '{"path": "é.py"}'},
            {"type": "function_call", "call_id": "call_B", "name": "list", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_A", "output": "error: no such file"},
            {"type": "function_call_output", "call_id": "call_B", "output": "e.py"},
            {"type": "message", "role": "user", "content": "Four steps are left."},
        ],
    }


def _function(own: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": own, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_chat() -> None:
    """Everything a request has, as Chat Completions."""
    request = full(Thinking(model=ROUTE, text="t"), Thinking(model="other:model", text="u"))
    quirks = Quirks(
        effort=Effort.EFFORT,
        cache_key=True,
        system_role="developer",
        output_limit_field="max_completion_tokens",
        keeps_thinking=True,
    )
    assert body("chat", request, quirks) == {
        "model": "some-model",
        "max_completion_tokens": 4000,
        "stream": True,
        "stream_options": {"include_usage": True},
        "reasoning_effort": "high",
        "prompt_cache_key": "task-1",
        "tools": [
            {
                "type": "function",
                "function": {"name": "read", "description": "Read a window of a file.", "parameters": READ_SCHEMA},
            },
            {
                "type": "function",
                "function": {"name": "list", "description": "List files.", "parameters": LIST_SCHEMA},
            },
        ],
        "messages": [
            {"role": "developer", "content": "You are careful."},
            {"role": "user", "content": "Add hints."},
            {
                "role": "assistant",
                "content": "I look.",
                "reasoning_content": "t",
                "tool_calls": [_function("call_A", "read", '{"path": "é.py"}'), _function("call_B", "list", "{}")],
            },
            {"role": "tool", "tool_call_id": "call_A", "content": "error: no such file"},
            {"role": "tool", "tool_call_id": "call_B", "content": "e.py"},
            {"role": "user", "content": "Four steps are left."},
        ],
    }


def test_what_an_unknown_server_gets_is_the_least() -> None:
    """Without quirks nothing is sent that a plain server may refuse."""
    sent = body("chat", full(Thinking(model=ROUTE, text="t")))
    assert set(sent) == {"model", "max_tokens", "stream", "stream_options", "tools", "messages"}
    assert sent["messages"][0]["role"] == "system"
    assert "reasoning_content" not in sent["messages"][2]
    assert set(body("chat", BARE)) == {"model", "max_tokens", "messages"}
    assert set(body("anthropic", full())) == {"model", "max_tokens", "stream", "tools", "system", "messages"}


@pytest.mark.parametrize("name", DIALECTS)
def test_fields_are_refused_and_added(name: str) -> None:
    """An endpoint's own row has the last word, and turns stay last."""
    quirks = Quirks(refuses=("stream", "tools"), extra={"model": "renamed", "safe": {"deep": [1]}})
    sent = body(name, full(), quirks)
    assert not {"stream", "tools"} & set(sent)
    assert (sent["model"], sent["safe"]) == ("renamed", {"deep": [1]})
    assert list(sent)[-1] in {"messages", "input"}


def test_openrouters_effort() -> None:
    """It is an object there."""
    assert body("chat", full(), Quirks(effort=Effort.REASONING))["reasoning"] == {"effort": "high"}


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(
    "arguments", ["", "{", "[1]", "null", "NaN", '"x"', '{"a": "\\ud800"}', '{"a":' * 100_000, "\ud800"]
)
def test_arguments_that_are_no_object_are_sent_as_none(name: str, arguments: str) -> None:
    """What a model wrote badly once must not make every later call a refused one."""
    call = ToolCall(id="c", name="read", arguments=arguments)
    request = turns((Role.USER, [Text("x")]), (Role.ASSISTANT, [call]), (Role.USER, [ToolResult(call="c", text="bad")]))
    sent = json.dumps(body(name, request))
    assert ('"input": {}' if name == "anthropic" else '"arguments": "{}"') in sent


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(("made_up", "sent"), [("a b.c/d", "a_b_c_d"), ("", "unnamed"), ("é" * 200, "_" * 64)])
def test_names_that_no_tool_has_are_made_sendable(name: str, made_up: str, sent: str) -> None:
    """Providers refuse a history in which a tool has an impossible name."""
    request = turns((Role.USER, [Text("x")]), (Role.ASSISTANT, [ToolCall(id="c", name=made_up, arguments="{}")]))
    assert f'"name": "{sent}"' in json.dumps(body(name, request))


@pytest.mark.parametrize("name", DIALECTS)
def test_empty_texts_are_left_out(name: str) -> None:
    """Empty text is refused by some; a turn that holds nothing else is said to be empty, where turns must alternate."""
    blank: list[Part] = [Text(""), Text(" \n")]
    foreign = Thinking(model="other:model", text="t", opaque='{"type": "reasoning", "encrypted_content": "x"}')
    request = turns((Role.USER, [*blank, Text("a")]), (Role.ASSISTANT, [foreign, *blank]), (Role.USER, blank))
    sent = body(name, request)
    if name == "responses":
        assert sent["input"] == [{"type": "message", "role": "user", "content": "a"}]
        return
    texts = [message["content"] for message in sent["messages"]]
    if name == "anthropic":
        texts = ["".join(block["text"] for block in blocks) for blocks in texts]
    assert texts == ["a", "(no text)", "(no text)"]


def test_empty_results_of_tools() -> None:
    """A result without words is still the result of its call."""
    parts: list[Part] = [ToolResult(call="c", text=""), ToolResult(call="d", text="", failed=True)]
    sent = body("anthropic", turns((Role.USER, parts)), Quirks(caching=False))["messages"]
    assert sent[0]["content"] == [
        {"type": "tool_result", "tool_use_id": "c"},
        {"type": "tool_result", "tool_use_id": "d", "is_error": True},
    ]
    chat = body("chat", turns((Role.USER, parts)))["messages"]
    assert [message["content"] for message in chat] == ["", "error: "]
    assert [item["output"] for item in body("responses", turns((Role.USER, parts)))["input"]] == ["", "error: "]


def test_a_turn_of_thinking_alone_is_completed() -> None:
    """Anthropic refuses it, and Responses refuses reasoning that nothing follows."""

    def request(opaque: str) -> Request:
        kept = Thinking(model=ROUTE, opaque=opaque)
        return turns((Role.USER, [Text("a")]), (Role.ASSISTANT, [kept]), (Role.USER, [Text("b")]))

    signed = request('{"type":"thinking","thinking":"t","signature":"s"}')
    blocks = body("anthropic", signed)["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["thinking", "text"]
    sealed = request('{"type":"reasoning","id":"r","summary":[],"encrypted_content":"x"}')
    assert [item["role"] for item in body("responses", sealed)["input"]] == ["user", "user"]


@pytest.mark.parametrize(
    "opaque", ["", "{", "[]", '{"a": "\\ud800"}', '{"type": "reasoning", "id": "rs_1", "encrypted_content": null}']
)
def test_thinking_that_cannot_go_back_stays_here(opaque: str) -> None:
    """A block that is damaged, or that only the provider's own store could complete, is left out."""
    said: list[Part] = [Thinking(model=ROUTE, text="t", opaque=opaque), Text("b")]
    request = turns((Role.USER, [Text("a")]), (Role.ASSISTANT, said))
    assert len(body("responses", request)["input"]) == 2
    if "encrypted" not in opaque:
        assert len(body("anthropic", request)["messages"][1]["content"]) == 1


def test_endpoints_that_sign_nothing_get_their_thinking_back() -> None:
    """Where the catalogue says so, also without a signature."""
    said: list[Part] = [Thinking(model=ROUTE, text="t", opaque='{"type": "reasoning", "id": "r"}'), Text("b")]
    request = turns((Role.USER, [Text("a")]), (Role.ASSISTANT, said))
    assert body("responses", request, Quirks(keeps_thinking=True))["input"][1] == {"type": "reasoning", "id": "r"}
    said[0] = Thinking(model=ROUTE, text="t")
    request = turns((Role.USER, [Text("a")]), (Role.ASSISTANT, said))
    assert body("anthropic", request, Quirks(keeps_thinking=True))["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "t",
        "signature": "",
    }


def test_results_come_first() -> None:
    """Anthropic refuses them behind words."""
    parts: list[Part] = [Text("a"), ToolResult(call="c", text="b")]
    blocks = body("anthropic", turns((Role.USER, parts)))["messages"][0]["content"]
    assert [block["type"] for block in blocks] == ["tool_result", "text"]


def test_the_phase_of_a_message_goes_back_with_it() -> None:
    """OpenAI's models want to be told which of their messages were comments on the way; others do not."""
    message = {"type": "message", "role": "assistant", "phase": "commentary", "content": [{"text": "I look."}]}
    call = {"type": "function_call", "call_id": "c", "name": "list", "arguments": "{}"}
    answer = json.dumps({"status": "completed", "output": [message, call]}).encode()
    reply = dialect("responses").reply(answer, route=ROUTE)
    request = turns((Role.USER, [Text("a")]), (Role.ASSISTANT, list(reply.parts)))
    said = {"type": "message", "role": "assistant", "content": "I look."}
    assert body("responses", request)["input"][1:] == [{**said, "phase": "commentary"}, call]
    other = json.loads(dialect("responses").body(request, Quirks(keeps_thinking=True), route="other:model"))
    assert other["input"][1:] == [said, call]


def test_mistrals_turns() -> None:
    """Ids have nine signs, and the words after a result go to its end."""
    sent = body("chat", full(), Quirks(short_call_ids=True, user_after_tool=False))["messages"]
    ids = [call["id"] for call in sent[2]["tool_calls"]]
    assert [message["tool_call_id"] for message in sent[3:]] == ids
    assert all(own.isalnum() and len(own) == 9 for own in ids)
    assert sent[-1]["content"] == "e.py\n\nFour steps are left."


def test_a_long_cache_key_is_shortened_the_same_way_every_time() -> None:
    """OpenAI takes 64 signs."""
    request = msgspec.structs.replace(BARE, cache_key="k" * 65)
    keys = {body(name, request, Quirks(cache_key=True))["prompt_cache_key"] for name in ("chat", "responses")}
    assert len(keys) == 1
    assert len(keys.pop()) <= 64


def test_surrogates_and_nul() -> None:
    """Half a character and NUL become the sign for what cannot be shown; whole pairs become the character."""
    sent = body("chat", turns((Role.USER, [Text("a\0b \ud800 \ud83d\udc19")])))
    assert sent["messages"][0]["content"] == "a\ufffdb \ufffd 🐙"


def test_headers() -> None:
    """The key goes where each provider looks for it, and nowhere without one."""
    assert dialect("anthropic").headers("k") == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "k",
    }
    for name in ("responses", "chat"):
        assert dialect(name).headers("k") == {"content-type": "application/json", "authorization": "Bearer k"}
        assert dialect(name).headers("") == {"content-type": "application/json"}
    assert "x-api-key" not in dialect("anthropic").headers("")


def test_dialects_are_known_by_name() -> None:
    """A name that is none says which there are."""
    assert [dialect(name).name for name in DIALECTS] == list(DIALECTS)
    with pytest.raises(ConfigError, match="anthropic, responses, chat"):
        dialect("smtp")


@pytest.mark.parametrize(
    ("name", "words", "named"),
    [
        ("anthropic", [{"type": "none"}, {"type": "any"}], {"type": "tool", "name": "read"}),
        ("responses", ["none", "required"], {"type": "function", "name": "read"}),
        ("chat", ["none", "required"], {"type": "function", "function": {"name": "read"}}),
    ],
)
def test_whether_tools_are_called_is_said(name: str, words: list[object], named: object) -> None:
    """Nothing is said where the model is free, nor where it has no tools."""
    sent = {use: body(name, msgspec.structs.replace(full(), tool_use=use, tool="read")) for use in ToolUse}
    assert "tool_choice" not in sent[ToolUse.FREE]
    assert [sent[use]["tool_choice"] for use in (ToolUse.NONE, ToolUse.SOME)] == words
    assert sent[ToolUse.NAMED]["tool_choice"] == named
    assert "tool_choice" not in body(name, msgspec.structs.replace(BARE, tool_use=ToolUse.SOME))


def test_anthropic_does_not_think_where_a_tool_must_be_called() -> None:
    """It would refuse both together."""
    quirks = Quirks(effort=Effort.THINKING)
    for use, thinks in ((ToolUse.FREE, True), (ToolUse.NONE, True), (ToolUse.SOME, False), (ToolUse.NAMED, False)):
        sent = body("anthropic", msgspec.structs.replace(full(), tool_use=use, tool="read"), quirks)
        assert ("thinking" in sent) == thinks
        assert sent["output_config"] == {"effort": "high"}
