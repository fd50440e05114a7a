"""Answers as providers send them, and what each of them means."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ezaigents.providers.transcript import Reply, Stop, Text, Thinking, ToolCall
from ezaigents.records import Usage

ROUTE = "somebody:some-model"


class Sample(NamedTuple):
    """`body`: the bytes of an answer. `reply`: what it is, the opaque parts of its thinking as plain data."""

    name: str
    dialect: str
    stream: bool
    body: bytes
    reply: Reply


def stream(*events: dict[str, Any], named: bool = True, end: str = "") -> bytes:
    """Server-sent events, each named after its type."""
    lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return ("".join(lines) + end).encode()


def _plain(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def opaque(fields: dict[str, Any]) -> str:
    return json.dumps(fields)


# Anthropic Messages

SIGNED: dict[str, Any] = {"type": "thinking", "thinking": "Two files, so…", "signature": "EqQBCgIYAh=="}
REDACTED: dict[str, Any] = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3"}
CALL: dict[str, Any] = {
    "type": "tool_use",
    "id": "toolu_01A",
    "name": "read",
    "input": {"path": "src/é.py", "deep": {"n": [1, 2.5]}},
}
CALL_2: dict[str, Any] = {"type": "tool_use", "id": "toolu_01B", "name": "list", "input": {}}

_MESSAGE_USAGE: dict[str, Any] = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 2000,
    "output_tokens": 77,
    "output_tokens_details": {"thinking_tokens": 20},
    "service_tier": "standard",
}
_MESSAGE: dict[str, Any] = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "stop_sequence": None,
}


def anthropic_body(content: list[dict[str, Any]], stop: str, **more: Any) -> bytes:
    return _plain(**{**_MESSAGE, "content": content, "stop_reason": stop, "usage": _MESSAGE_USAGE, **more})


def _start(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index: int, kind: str, **fields: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def _stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def message_start() -> dict[str, Any]:
    usage = {**_MESSAGE_USAGE, "output_tokens": 1}
    del usage["output_tokens_details"]
    return {"type": "message_start", "message": {**_MESSAGE, "content": [], "stop_reason": None, "usage": usage}}


def message_end(stop: str) -> list[dict[str, Any]]:
    usage = {"output_tokens": 77, "output_tokens_details": {"thinking_tokens": 20}}
    delta = {"stop_reason": stop, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


def anthropic_stream(*events: dict[str, Any], stop: str) -> bytes:
    return stream(message_start(), {"type": "ping"}, *events, *message_end(stop))


_THINKING_EVENTS = (
    _start(0, {"type": "thinking", "thinking": "", "signature": ""}),
    _delta(0, "thinking_delta", thinking="Two files, "),
    _delta(0, "thinking_delta", thinking="so…"),
    _delta(0, "signature_delta", signature="EqQBCgIYAh=="),
    _stop(0),
    _start(1, REDACTED),
    _stop(1),
)
_TEXT_EVENTS = (
    _start(2, {"type": "text", "text": ""}),
    _delta(2, "text_delta", text="Let me "),
    _delta(2, "text_delta", text="look 🐙."),
    _stop(2),
)
_CALL_EVENTS = (
    _start(3, {**CALL, "input": {}}),
    _delta(3, "input_json_delta", partial_json=""),
    _delta(3, "input_json_delta", partial_json='{"path": "src/é'),
    _delta(3, "input_json_delta", partial_json='.py", "deep": {"n": [1, 2.5]}}'),
    _stop(3),
    _start(4, CALL_2),
    _delta(4, "input_json_delta", partial_json=""),
    _stop(4),
)
_ANTHROPIC_USAGE = Usage(input=12, cache_write=30, cache_read=2000, output=77, reasoning=20)
_ANTHROPIC_TOOLS = Reply(
    id="msg_01",
    route=ROUTE,
    model="claude-x",
    parts=(
        Thinking(model=ROUTE, text="Two files, so…", opaque=opaque(SIGNED)),
        Thinking(model=ROUTE, opaque=opaque(REDACTED)),
        Text("Let me look 🐙."),
        ToolCall(id="toolu_01A", name="read", arguments=json.dumps(CALL["input"])),
        ToolCall(id="toolu_01B", name="list", arguments="{}"),
    ),
    stop=Stop.TOOLS,
    usage=_ANTHROPIC_USAGE,
)


def _anthropic_text(stop: Stop) -> Reply:
    return Reply(id="msg_01", route=ROUTE, model="claude-x", parts=(Text("Hi."),), stop=stop, usage=_ANTHROPIC_USAGE)


_HI = {"type": "text", "text": "Hi."}
_HI_EVENTS = (_start(0, {"type": "text", "text": ""}), _delta(0, "text_delta", text="Hi."), _stop(0))
_ANTHROPIC_STOPS = {
    "end_turn": Stop.END,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "pause_turn": Stop.LENGTH,
    "refusal": Stop.REFUSAL,
    "stop_sequence": Stop.END,
}

ANTHROPIC = [
    Sample(
        "tools",
        "anthropic",
        False,
        anthropic_body([SIGNED, REDACTED, {"type": "text", "text": "Let me look 🐙."}, CALL, CALL_2], "tool_use"),
        _ANTHROPIC_TOOLS,
    ),
    Sample(
        "tools",
        "anthropic",
        True,
        anthropic_stream(*_THINKING_EVENTS, *_TEXT_EVENTS, *_CALL_EVENTS, stop="tool_use"),
        _ANTHROPIC_TOOLS,
    ),
    *(
        Sample(word, "anthropic", False, anthropic_body([_HI], word), _anthropic_text(stop))
        for word, stop in _ANTHROPIC_STOPS.items()
    ),
    *(
        Sample(word, "anthropic", True, anthropic_stream(*_HI_EVENTS, stop=word), _anthropic_text(stop))
        for word, stop in _ANTHROPIC_STOPS.items()
    ),
    Sample(
        "interleaved",
        "anthropic",
        True,
        anthropic_stream(
            _start(0, {"type": "text", "text": ""}),
            _start(1, CALL_2),
            _delta(0, "text_delta", text="Hi"),
            _delta(0, "text_delta", text="."),
            _stop(1),
            _stop(0),
            stop="tool_use",
        ),
        Reply(
            id="msg_01",
            route=ROUTE,
            model="claude-x",
            parts=(Text("Hi."), ToolCall(id="toolu_01B", name="list", arguments="{}")),
            stop=Stop.TOOLS,
            usage=_ANTHROPIC_USAGE,
        ),
    ),
]

# OpenAI Responses

REASONING: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_01",
    "summary": [{"type": "summary_text", "text": "Two files."}],
    "encrypted_content": "gAAAAABo",
}
_TEXT_PIECE: dict[str, Any] = {"type": "output_text", "text": "Let me look 🐙.", "annotations": []}
_MESSAGE_ITEM: dict[str, Any] = {
    "type": "message",
    "id": "m_1",
    "role": "assistant",
    "status": "completed",
    "content": [_TEXT_PIECE],
}
_FUNCTION: dict[str, Any] = {
    "type": "function_call",
    "id": "fc_01",
    "call_id": "call_A",
    "name": "read",
    "arguments": '{"path":"é.py"}',
    "status": "completed",
}
_FUNCTION_2: dict[str, Any] = {**_FUNCTION, "id": "fc_02", "call_id": "call_B", "name": "list", "arguments": "{}"}
_RESPONSES_USAGE: dict[str, Any] = {
    "input_tokens": 2042,
    "input_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 30},
    "output_tokens": 77,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 2119,
}
_REFUSAL_ITEM: dict[str, Any] = {**_MESSAGE_ITEM, "content": [{"type": "refusal", "refusal": "I will not."}]}


def response(output: list[dict[str, Any]], status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_01",
        "object": "response",
        "created_at": 1764000000,
        "model": "gpt-x",
        "status": status,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "usage": _RESPONSES_USAGE,
        **more,
    }


def responses_stream(last: str, answer: dict[str, Any], *between: dict[str, Any]) -> bytes:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *between,
        {"type": last, "response": answer},
    ]
    return stream(*({**event, "sequence_number": number} for number, event in enumerate(events)))


_PIECES: tuple[dict[str, Any], ...] = (
    {"type": "response.output_item.added", "output_index": 0, "item": {**REASONING, "encrypted_content": None}},
    {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
    {"type": "response.output_item.added", "output_index": 1, "item": {**_MESSAGE_ITEM, "content": []}},
    {
        "type": "response.content_part.added",
        "item_id": "m_1",
        "output_index": 1,
        "content_index": 0,
        "part": {**_TEXT_PIECE, "text": ""},
    },
    *(
        {
            "type": "response.output_text.delta",
            "item_id": "m_1",
            "output_index": 1,
            "content_index": 0,
            "delta": text,
            "logprobs": [],
        }
        for text in ("Let me ", "look 🐙.")
    ),
    {"type": "response.output_item.done", "output_index": 1, "item": _MESSAGE_ITEM},
    {"type": "response.output_item.added", "output_index": 2, "item": {**_FUNCTION, "arguments": ""}},
    {
        "type": "response.function_call_arguments.delta",
        "item_id": "fc_01",
        "output_index": 2,
        "delta": '{"path":"é.py"}',
    },
    {"type": "response.output_item.done", "output_index": 2, "item": _FUNCTION},
    {"type": "response.output_item.done", "output_index": 3, "item": _FUNCTION_2},
)
_OUTPUT = [REASONING, _MESSAGE_ITEM, _FUNCTION, _FUNCTION_2]
_OPENAI_USAGE = Usage(input=12, cache_write=30, cache_read=2000, output=77, reasoning=20)


def _responses_reply(stop: Stop, *parts: Text | Thinking | ToolCall) -> Reply:
    return Reply(id="resp_01", route=ROUTE, model="gpt-x", parts=parts, stop=stop, usage=_OPENAI_USAGE)


_RESPONSES_TOOLS = _responses_reply(
    Stop.TOOLS,
    Thinking(model=ROUTE, text="Two files.", opaque=opaque(REASONING)),
    Text("Let me look 🐙."),
    ToolCall(id="call_A", name="read", arguments='{"path":"é.py"}'),
    ToolCall(id="call_B", name="list", arguments="{}"),
)
_CUT = response([_MESSAGE_ITEM], "incomplete", incomplete_details={"reason": "max_output_tokens"})
_FILTERED = response([_MESSAGE_ITEM], "incomplete", incomplete_details={"reason": "content_filter"})
_LOOK = Text("Let me look 🐙.")

RESPONSES = [
    Sample("tools", "responses", False, _plain(**response(_OUTPUT)), _RESPONSES_TOOLS),
    Sample(
        "tools",
        "responses",
        True,
        responses_stream("response.completed", response(_OUTPUT), *_PIECES),
        _RESPONSES_TOOLS,
    ),
    Sample("length", "responses", False, _plain(**_CUT), _responses_reply(Stop.LENGTH, _LOOK)),
    Sample(
        "length", "responses", True, responses_stream("response.incomplete", _CUT), _responses_reply(Stop.LENGTH, _LOOK)
    ),
    Sample("filtered", "responses", False, _plain(**_FILTERED), _responses_reply(Stop.REFUSAL, _LOOK)),
    Sample(
        "refusal",
        "responses",
        False,
        _plain(**response([_REFUSAL_ITEM])),
        _responses_reply(Stop.REFUSAL, Text("I will not.")),
    ),
    Sample("end", "responses", False, _plain(**response([_MESSAGE_ITEM])), _responses_reply(Stop.END, _LOOK)),
]

# OpenAI Chat Completions

_CHAT_USAGE = {
    "prompt_tokens": 2042,
    "completion_tokens": 77,
    "total_tokens": 2119,
    "prompt_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 30},
    "completion_tokens_details": {"reasoning_tokens": 20},
}


def completion(message: dict[str, Any], finish: str | None, **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, "logprobs": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1764000000, "model": "any-x"}
    return _plain(**{**head, "choices": [choice], "usage": _CHAT_USAGE, **more})


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000, "model": "any-x"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def chat_stream(*chunks: dict[str, Any], usage: bool = True) -> bytes:
    last = {**chunk({}), "choices": [], "usage": _CHAT_USAGE}
    return stream(*chunks, *([last] if usage else []), named=False, end="data: [DONE]\n\n")


def tool_call(own: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": own, "type": "function", "function": {"name": name, "arguments": arguments}}


def _chat_reply(stop: Stop, *parts: Text | Thinking | ToolCall) -> Reply:
    return Reply(id="chatcmpl-1", route=ROUTE, model="any-x", parts=parts, stop=stop, usage=_OPENAI_USAGE)


_CHAT_TOOLS = _chat_reply(
    Stop.TOOLS,
    Thinking(model=ROUTE, text="Two files."),
    _LOOK,
    ToolCall(id="call_A", name="read", arguments='{"path": "é.py"}'),
    ToolCall(id="call_B", name="list", arguments="{}"),
)
_HELLO = Text("Hi.")
_CHAT_STOPS = {"stop": Stop.END, "length": Stop.LENGTH, "content_filter": Stop.REFUSAL}

CHAT = [
    Sample(
        "tools",
        "chat",
        False,
        completion(
            {
                "content": "Let me look 🐙.",
                "reasoning_content": "Two files.",
                "tool_calls": [tool_call("call_A", "read", '{"path": "é.py"}'), tool_call("call_B", "list", "{}")],
            },
            "tool_calls",
        ),
        _CHAT_TOOLS,
    ),
    Sample(
        "tools",
        "chat",
        True,
        chat_stream(
            chunk({"role": "assistant", "content": None, "reasoning_content": "Two "}),
            chunk({"reasoning_content": "files."}),
            chunk({"content": "Let me "}),
            chunk({"content": "look 🐙."}),
            chunk({"tool_calls": [{"index": 0, **tool_call("call_A", "read", "")}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"path": '}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"é.py"}'}}]}),
            chunk({"tool_calls": [{"index": 1, **tool_call("call_B", "list", "{}")}]}),
            chunk({}, "tool_calls"),
        ),
        _CHAT_TOOLS,
    ),
    *(
        Sample(word, "chat", False, completion({"content": "Hi."}, word), _chat_reply(stop, _HELLO))
        for word, stop in _CHAT_STOPS.items()
    ),
    *(
        Sample(
            word,
            "chat",
            True,
            chat_stream(chunk({"role": "assistant", "content": "Hi"}), chunk({"content": "."}), chunk({}, word)),
            _chat_reply(stop, _HELLO),
        )
        for word, stop in _CHAT_STOPS.items()
    ),
    Sample(
        "refusal",
        "chat",
        False,
        completion({"content": None, "refusal": "I will not."}, "stop"),
        _chat_reply(Stop.REFUSAL, Text("I will not.")),
    ),
    Sample(
        "refusal",
        "chat",
        True,
        chat_stream(chunk({"refusal": "I will "}), chunk({"refusal": "not."}), chunk({}, "stop")),
        _chat_reply(Stop.REFUSAL, Text("I will not.")),
    ),
]

SAMPLES = [*ANTHROPIC, *RESPONSES, *CHAT]
STREAMS = [sample for sample in SAMPLES if sample.stream]
PLAIN = [sample for sample in SAMPLES if not sample.stream]


def name_of(sample: Sample) -> str:
    return f"{sample.dialect}-{sample.name}-{'stream' if sample.stream else 'plain'}"
