"""Streams that contradict themselves, and texts that are not quite text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.dialects.samples import REASONING, anthropic_body, message_end, message_start, response, stream

from ezaigents.providers.dialects import dialect
from ezaigents.providers.errors import CallFailed, FailureKind
from ezaigents.providers.transcript import Reply, Text, Thinking, ToolCall

ROUTE = "somebody:some-model"
_OPEN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
_SHUT = {"type": "content_block_stop", "index": 0}


def _said(**delta: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def read(name: str, body: bytes) -> Reply:
    reading = dialect(name).reading(route=ROUTE)
    reading.feed(body)
    return reading.reply()


@pytest.mark.parametrize(
    "events",
    [
        [message_start(), message_start(), *message_end("end_turn")],
        [message_start(), _OPEN, _OPEN, _SHUT, *message_end("end_turn")],
        [message_start(), _OPEN, _SHUT, _OPEN, _SHUT, *message_end("end_turn")],
        [message_start(), _OPEN, _SHUT, _said(text="x"), *message_end("end_turn")],
        [message_start(), _said(text="x"), *message_end("end_turn")],
        [message_start(), _SHUT, *message_end("end_turn")],
        [message_start(), _OPEN, *message_end("end_turn")],
        [message_start(), {"type": "message_stop"}],
        [_OPEN, _SHUT, *message_end("end_turn")],
        [{"type": "message_start"}, *message_end("end_turn")],
        message_end("end_turn"),
    ],
)
def test_a_message_that_contradicts_itself_is_broken(events: list[dict[str, Any]]) -> None:
    """Beginnings that come twice, pieces of what never began or has ended, an end without its reason: never a Reply."""
    with pytest.raises(CallFailed) as caught:
        read("anthropic", stream(*events))
    assert (caught.value.kind, caught.value.may_be_billed) == (FailureKind.BROKEN, True)


def test_thinking_without_a_signature_is_kept_as_text_only() -> None:
    """It was cut off, and the provider would refuse it back."""
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    said = (Thinking(model=ROUTE, text="Hm."),)
    assert dialect("anthropic").reply(anthropic_body([thinking], "max_tokens"), route=ROUTE).parts == said
    events = [{**_OPEN, "content_block": {**thinking, "thinking": ""}}, _said(thinking="Hm."), _SHUT]
    assert read("anthropic", stream(message_start(), *events, *message_end("max_tokens"))).parts == said


def test_blocks_of_other_kinds_are_left_out() -> None:
    """A block that is not known here is no text and no call, whatever comes in it."""
    other = {**_OPEN, "content_block": {"type": "server_tool_use", "id": "s", "name": "search", "input": {}}}
    events = [other, _said(partial_json='{"a": 1}'), _said(text="x"), _SHUT]
    assert read("anthropic", stream(message_start(), *events, *message_end("end_turn"))).parts == ()


def test_what_a_block_begins_with_counts() -> None:
    """Some servers put the whole text, or the whole input, into the block's beginning."""
    text = {**_OPEN, "content_block": {"type": "text", "text": "Hi"}}
    call = {"type": "tool_use", "id": "c", "name": "read", "input": {"a": 1}}
    events = [text, _said(text="."), _SHUT, {**_OPEN, "index": 1, "content_block": call}, {**_SHUT, "index": 1}]
    reply = read("anthropic", stream(message_start(), *events, *message_end("tool_use")))
    assert reply.parts == (Text("Hi."), ToolCall(id="c", name="read", arguments='{"a": 1}'))


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled", "novelty"])
def test_a_response_that_is_not_at_its_end_is_broken(status: str) -> None:
    """Only one that is complete, or says why not, is an answer."""
    with pytest.raises(CallFailed) as caught:
        dialect("responses").reply(json.dumps(response([], status)).encode(), route=ROUTE)
    assert caught.value.kind is FailureKind.BROKEN


def test_items_count_where_the_last_event_repeats_none() -> None:
    """Some servers say each item when it is done, and leave the output of the whole empty."""
    call = {"type": "function_call", "call_id": "c", "name": "list", "arguments": "{}"}
    items = [
        {"type": "response.output_item.done", "output_index": 1, "item": call},
        {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
    ]
    reply = read("responses", stream(*items, {"type": "response.completed", "response": response([])}))
    assert [type(part).__name__ for part in reply.parts] == ["Thinking", "ToolCall"]


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (b"a\\ud800b", "a\ufffdb"),
        (b"a\\udc19", "a\ufffd"),
        (b"\\ud83d\\udc19 \\ud83d", "🐙 \ufffd"),
        (b"\\\\ud800 \\ud800", "\\ud800 \ufffd"),
        (b"a\xff\xc3", "a\ufffd\ufffd"),
        (b"\\u0000", "\0"),
    ],
)
def test_halves_of_characters_are_replaced(wire: bytes, text: str) -> None:
    """A model may write half a character; the rest of its answer counts."""
    chunk = b'data: {"choices": [{"delta": {"content": "' + wire + b'"}, "finish_reason": "stop"}]}\n\n'
    assert read("chat", chunk + b"data: [DONE]\n\n").parts == (Text(text),)


@pytest.mark.parametrize("name", ["anthropic", "responses", "chat"])
def test_depth_without_end_is_a_failure(name: str) -> None:
    """JSON that is nested too deep to be read is broken, and no other exception."""
    deep = b'{"type": "x", "item": ' + b'{"a":' * 100_000
    for body in (deep, b"data: " + deep + b"\n\n"):
        with pytest.raises(CallFailed):
            dialect(name).reply(body, route=ROUTE)
        with pytest.raises(CallFailed):
            read(name, body)
