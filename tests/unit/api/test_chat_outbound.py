"""Answers that no provider owns in OpenAI's form: whole, and in chunks that come to the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion as TheirCompletion
from openai.types.chat import ChatCompletionChunk as TheirChunk

from ezaigents.api.chat.outbound import Frame, closing, completion, opening, piece, usage, used
from ezaigents.codec import to_json
from ezaigents.providers import Part, Reply, Stop, Text, Thinking, ToolCall
from ezaigents.records import Usage

FRAME = Frame(id="chatcmpl-1", created=1, agent="claude", simulated=True)
CALL = ToolCall(id="c1", name="look", arguments='{"at": 1}')
USED = Usage(input=10, cache_read=5, cache_write=2, output=7, reasoning=3)


def _reply(*parts: Part, stop: Stop = Stop.END, simulated: bool = True) -> Reply:
    return Reply(id="r", route="one:m", model="m-1", parts=parts, stop=stop, usage=USED, simulated=simulated)


def _json(value: object) -> Any:
    return msgspec.json.decode(to_json(value))


def test_it_is_what_openais_client_knows() -> None:
    """A completion, and each chunk, validates against the client's own types."""
    reply = _reply(Thinking(model="one:m", text="hm"), Text("a"), Text("b"), CALL, stop=Stop.TOOLS)
    TheirCompletion.model_validate(_json(completion(FRAME, reply, 3)), strict=True)
    for chunk in (opening(FRAME), piece(FRAME, "a"), *closing(FRAME, reply, 3), used(FRAME, reply)):
        TheirChunk.model_validate(_json(chunk), strict=True)


def test_text_and_calls() -> None:
    """Texts are one; thinking is not told; content is null where there are only calls, "" where there is nothing."""
    whole = completion(FRAME, _reply(Thinking(model="x", text="hm"), Text("a"), Text("b"), CALL), 3)
    [choice] = whole.choices
    assert choice.message.content == "ab"
    assert _json(choice.message)["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
    ]
    assert "hm" not in to_json(whole).decode()
    assert completion(FRAME, _reply(CALL), 3).choices[0].message.content is None
    nothing = _json(completion(FRAME, _reply(), 3))["choices"][0]["message"]
    assert nothing == {"role": "assistant", "content": "", "refusal": None}


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Stop.END, "stop"),
        (Stop.TOOLS, "tool_calls"),
        (Stop.LENGTH, "length"),
        (Stop.REFUSAL, "content_filter"),
    ],
)
def test_how_it_ended(stop: Stop, reason: str) -> None:
    """Each end has OpenAI's word, whole and streamed."""
    assert completion(FRAME, _reply(stop=stop), 0).choices[0].finish_reason == reason
    assert closing(FRAME, _reply(stop=stop), 0)[-1].choices[0].finish_reason == reason


def test_what_was_used() -> None:
    """All input counts, that of the cache apart too; what is not known is nothing."""
    told = usage(_reply())
    assert (told.prompt_tokens, told.completion_tokens, told.total_tokens) == (17, 7, 24)
    assert (told.prompt_tokens_details.cached_tokens, told.completion_tokens_details.reasoning_tokens) == (5, 3)
    assert usage(msgspec.structs.replace(_reply(), usage=None)).total_tokens == 0


def test_who_answered_and_for_how_much() -> None:
    """The agent is the model; route and cost stand beside, with the last chunk that says something."""
    whole = completion(FRAME, _reply(Text("a")), 42)
    assert (whole.model, whole.route, whole.cost_microusd) == ("claude", "one:m", 42)
    first, last = _json(piece(FRAME, "a")), _json(closing(FRAME, _reply(), 42)[-1])
    assert (last["route"], last["cost_microusd"]) == ("one:m", 42)
    assert not {"route", "cost_microusd", "usage"} & set(first)


@pytest.mark.parametrize("simulated", [True, False])
def test_what_is_simulated_says_so(simulated: bool) -> None:
    """In the whole and in every chunk; what the answer itself says counts most."""
    label = "simulated" if simulated else None
    whole = completion(FRAME, _reply(simulated=simulated), 0)
    assert (whole.simulated, whole.system_fingerprint) == (simulated, label)
    frame = msgspec.structs.replace(FRAME, simulated=simulated)
    for chunk in (opening(frame), piece(frame, "a"), *closing(FRAME, _reply(simulated=simulated), 0)):
        assert (chunk.simulated, chunk.system_fingerprint) == (simulated, label)
    assert used(FRAME, _reply(simulated=simulated)).simulated is simulated


def test_chunks_are_the_whole() -> None:
    """Their deltas put together are the message."""
    reply = _reply(Text("a"), Text("b"), CALL, msgspec.structs.replace(CALL, id="c2"), stop=Stop.TOOLS)
    chunks = [opening(FRAME), piece(FRAME, "a"), piece(FRAME, "b"), *closing(FRAME, reply, 0)]
    deltas = [_json(chunk)["choices"][0]["delta"] for chunk in chunks]
    message = _json(completion(FRAME, reply, 0))["choices"][0]["message"]
    assert "".join(delta.get("content", "") for delta in deltas) == message["content"]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert [call.pop("index") for call in calls] == [0, 1]
    assert calls == message["tool_calls"]
    assert deltas[0]["role"] == "assistant"
    assert deltas[-1] == {}
