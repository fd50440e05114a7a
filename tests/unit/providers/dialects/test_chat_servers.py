"""Servers that speak Chat Completions nearly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.contract.dialects.asking import BARE

import ezaigents.providers.transcript as t
from ezaigents.providers.dialects import Quirks, dialect
from ezaigents.providers.errors import CallFailed
from ezaigents.providers.transcript import Reply, Stop, Text, Thinking, ToolCall
from ezaigents.records import Usage

ROUTE = "somebody:some-model"


def streamed(*deltas: dict[str, Any], finish: str | None = "stop", **last: Any) -> Reply:
    chunks = [{"id": "c1", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **last})
    reading = dialect("chat").reading(route=ROUTE)
    reading.feed("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n")
    return reading.reply()


def whole(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> Reply:
    body = {"id": "c1", "choices": [{"message": message, "finish_reason": finish}], **more}
    return dialect("chat").reply(json.dumps(body).encode(), route=ROUTE)


def calls(reply: Reply) -> list[tuple[str, str]]:
    return [(part.name, part.arguments) for part in reply.parts if isinstance(part, ToolCall)]


def _piece(name: str | None, arguments: Any, **more: Any) -> dict[str, Any]:
    return {**more, "function": {"name": name, "arguments": arguments}}


_TWO = [("read", '{"a":1}'), ("list", "{}")]


@pytest.mark.parametrize(
    "deltas",
    [
        [[_piece("read", '{"a":1}', id="x")], [_piece("list", "{}", id="y")]],
        [[_piece("read", '{"a":1}', id="x"), _piece("list", "{}", id="y")]],
        [[_piece("read", '{"a":1}'), _piece("list", "{}")]],
        [[_piece("read", '{"a":1}', index=0, id="x"), _piece("list", "{}", index=0, id="y")]],
        [
            [_piece("read", '{"a"', index=0, id="x")],
            [_piece("read", ":1}", index=0, id="x")],
            [_piece("list", "{}", index=1)],
        ],
        [[_piece("read", '{"a"', id="x")], [_piece(None, ":1}")], [_piece("list", "{}", id="y")]],
        [[_piece("read", '{"a"', id="x")], [_piece(None, ":1}", id="x")], [_piece("list", "{}", id="y")]],
        [[_piece("read", '{"a":1}', index=0, id="x")], [_piece("list", None, index=1, id="x")]],
        [[_piece("read", '{"a":1}', id="x"), _piece("list", "{}", id="x")]],
        [[_piece("read", {"a": 1}, index=0)], [_piece("list", {}, index=1)]],
        [[_piece("read", "", index=1), _piece("list", "", index=2)], [_piece(None, '{"a":1}', index=1)]],
    ],
)
def test_pieces_of_calls_come_together(deltas: list[list[dict[str, Any]]]) -> None:
    """By index or by id, whole or in pieces, with ids and names repeated or left out: they are the same two calls."""
    reply = streamed(*({"tool_calls": pieces} for pieces in deltas))
    assert [(name, json.loads(arguments)) for name, arguments in calls(reply)] == [("read", {"a": 1}), ("list", {})]
    assert len({part.id for part in reply.parts if isinstance(part, ToolCall)}) == 2
    assert reply.stop is Stop.TOOLS


def test_two_equal_calls_are_two() -> None:
    """The same call twice in one answer is not one call."""
    twice = [_piece("read", '{"a":1}'), _piece("read", '{"a":1}')]
    assert calls(streamed({"tool_calls": twice})) == [_TWO[0]] * 2
    assert calls(whole({"tool_calls": twice})) == [_TWO[0]] * 2
    assert calls(whole({"tool_calls": [{**piece, "id": "x", "index": 0} for piece in twice]})) == [_TWO[0]] * 2


def test_a_piece_with_another_name_is_another_call() -> None:
    """Also where the call before it was left unfinished, and neither has an index or an id."""
    reply = streamed({"tool_calls": [_piece("read", '{"a"')]}, {"tool_calls": [_piece("list", "{}")]})
    assert calls(reply) == [("read", '{"a"'), ("list", "{}")]


@pytest.mark.parametrize("arguments", ["{", '{"a": 1', "not json", "[1]"])
def test_arguments_are_kept_as_they_came(arguments: str) -> None:
    """What is no JSON is for the loop to answer."""
    assert calls(streamed({"tool_calls": [_piece("read", arguments, index=0)]})) == [("read", arguments)]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_has_several_names(field: str) -> None:
    """Whichever the server uses, it is thinking, and not text."""
    said = (Thinking(model=ROUTE, text="Hm. Yes."), Text("Hi"))
    assert streamed({field: "Hm. "}, {field: "Yes."}, {"content": "Hi"}).parts == said
    assert whole({field: "Hm. Yes.", "content": "Hi"}).parts == said


def test_content_may_be_a_list() -> None:
    """Mistral's thinking models send pieces, thinking among them."""
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    pieces = [thought, {"type": "text", "text": "Hi"}, {"type": "reference", "reference_ids": [1]}]
    said = (Thinking(model=ROUTE, text="Hm."), Text("Hi"))
    assert whole({"content": pieces}).parts == said
    assert streamed({"content": pieces[:1]}, {"content": pieces[1:]}).parts == said


@pytest.mark.parametrize(
    ("finish", "message", "stop"),
    [
        ("stop", {"tool_calls": [_piece("read", "{}")]}, Stop.TOOLS),
        ("function_call", {"tool_calls": [_piece("read", "{}")]}, Stop.TOOLS),
        ("tool_calls", {"content": "Hi"}, Stop.END),
        ("length", {"tool_calls": [_piece("read", '{"a')]}, Stop.LENGTH),
        ("model_length", {"content": "Hi"}, Stop.LENGTH),
        ("content_filter", {"tool_calls": [_piece("read", "{}")]}, Stop.REFUSAL),
        ("stop", {"refusal": "No."}, Stop.REFUSAL),
        ("novelty", {"content": "Hi"}, Stop.END),
    ],
)
def test_why_it_stopped(finish: str, message: dict[str, Any], stop: Stop) -> None:
    """What was cut off or refused is never a call to carry out; else calls are what counts."""
    assert whole(message, finish).stop is stop
    assert streamed(message, finish=finish).stop is stop


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(input=10, output=5)),
        (
            {"prompt_tokens": 10, "prompt_cache_hit_tokens": 8, "completion_tokens": 5},
            Usage(input=2, cache_read=8, output=5),
        ),
        ({"prompt_tokens": 10, "cached_tokens": 8, "completion_tokens": 5}, Usage(input=2, cache_read=8, output=5)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(input=10, output=12, reasoning=7),
        ),
        ({"prompt_tokens": 4, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(cache_read=9)),
        ({"prompt_tokens": -4, "completion_tokens": 10**30}, Usage(output=10**12)),
        ({"prompt_tokens": 4, "prompt_tokens_details": None, "completion_tokens": None}, Usage(input=4)),
        (None, None),
    ],
)
def test_usage_has_several_forms(said: dict[str, Any] | None, usage: Usage | None) -> None:
    """Cached input is counted apart, thinking that a server leaves out of its count is output, lies have a bound."""
    assert whole({"content": "Hi"}, usage=said).usage == usage
    assert streamed({"content": "Hi"}, usage=said).usage == usage


def test_usage_in_every_chunk_is_a_sum() -> None:
    """The last one counts."""
    reading = dialect("chat").reading(route=ROUTE)
    for count in (1, 2, 3):
        chunk = {"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 9, "completion_tokens": count}}
        reading.feed(f"data: {json.dumps(chunk)}\n\n".encode())
        assert reading.usage == Usage(input=9, output=count)


def test_usage_in_a_choice_is_read() -> None:
    """Kimi puts it there."""
    choice = {"delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    assert streamed({"content": "Hi"}, choices=[choice]).usage == Usage(input=9, output=1)


def test_other_choices_are_passed_over() -> None:
    """One answer was asked for."""
    other = [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert streamed({"content": "Hi"}, choices=other).parts == (Text("Hi"),)


def test_an_end_without_a_reason_is_broken() -> None:
    """A gateway may end a stream that broke off behind it."""
    with pytest.raises(CallFailed, match="finish reason"):
        streamed({"content": "Hi"}, finish=None)


def test_geminis_signatures_go_back_with_their_call() -> None:
    """They come with a call and must go back with it; to another model they do not go, and its calls get a stand-in."""
    extra = {"google": {"thought_signature": "sig"}}
    pieces = [{**_piece("read", "{}", id="x", index=0), "extra_content": extra}, _piece("list", "{}", id="y", index=1)]
    reply = streamed({"tool_calls": pieces})
    assert reply == streamed({"tool_calls": pieces[:1]}, {"tool_calls": pieces[1:]})
    assert [type(part).__name__ for part in reply.parts] == ["Thinking", "ToolCall", "ToolCall"]

    stand_in: dict[str, object] = {"extra_content": {"google": {"thought_signature": "none"}}}
    turns = (*BARE.turns, t.Turn(t.Role.ASSISTANT, reply.parts))
    request = t.Request(system="", turns=turns, model="m")
    quirks = Quirks(unsigned_call=stand_in)

    def sent(route: str, quirks: Quirks) -> list[Any]:
        body = json.loads(dialect("chat").body(request, quirks, route=route))
        return [call.get("extra_content") for call in body["messages"][1]["tool_calls"]]

    assert sent(ROUTE, quirks) == [extra, None]
    assert sent("other:model", quirks) == [stand_in["extra_content"]] * 2
    assert sent("other:model", Quirks()) == [None, None]
