"""The providers' own libraries read the same bytes: they and we must agree."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from tests.contract.dialects.oracle import Wire, anthropic_client, openai_client
from tests.contract.dialects.samples import ANTHROPIC, CHAT, RESPONSES, ROUTE, Sample, name_of

from ezaigents.providers.dialects import dialect
from ezaigents.providers.transcript import Reply, Stop, Text, Thinking, ToolCall
from ezaigents.records import Usage

_ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello."}]}

_ANTHROPIC_STOP = {
    Stop.END: {"end_turn", "stop_sequence"},
    Stop.TOOLS: {"tool_use"},
    Stop.LENGTH: {"max_tokens", "model_context_window_exceeded", "pause_turn"},
    Stop.REFUSAL: {"refusal"},
}
_CHAT_STOP = {
    Stop.END: {"stop"},
    Stop.TOOLS: {"tool_calls"},
    Stop.LENGTH: {"length"},
    Stop.REFUSAL: {"content_filter", "stop"},
}


def ours(sample: Sample) -> Reply:
    wire = dialect(sample.dialect)
    if not sample.stream:
        return wire.reply(sample.body, route=ROUTE)
    reading = wire.reading(route=ROUTE)
    reading.feed(sample.body)
    return reading.reply()


def texts(reply: Reply) -> list[str]:
    return [part.text for part in reply.parts if isinstance(part, Text)]


def calls(reply: Reply) -> list[tuple[str, str, Any]]:
    return [(part.id, part.name, json.loads(part.arguments)) for part in reply.parts if isinstance(part, ToolCall)]


@pytest.mark.parametrize("sample", ANTHROPIC, ids=name_of)
def test_anthropics_library_reads_the_same(sample: Sample) -> None:
    """Text, thinking, calls, stop reason and usage agree."""
    ask = {**_ASK, "max_tokens": 100}
    with anthropic_client(Wire(sample.body, stream=sample.stream)) as client:
        if sample.stream:
            with client.messages.stream(**ask) as stream:
                theirs: Any = stream.get_final_message()
        else:
            theirs = client.messages.create(**ask)
    reply = ours(sample)
    assert texts(reply) == [block.text for block in theirs.content if block.type == "text"]
    assert calls(reply) == [(block.id, block.name, block.input) for block in theirs.content if block.type == "tool_use"]
    kept = [json.loads(part.opaque) for part in reply.parts if isinstance(part, Thinking)]
    assert kept == [block.to_dict() for block in theirs.content if block.type in {"thinking", "redacted_thinking"}]
    assert theirs.stop_reason in _ANTHROPIC_STOP[reply.stop]
    assert (reply.id, reply.model) == (theirs.id, theirs.model)
    used = theirs.usage
    assert reply.usage == Usage(
        input=used.input_tokens,
        cache_read=used.cache_read_input_tokens,
        cache_write=used.cache_creation_input_tokens,
        output=used.output_tokens,
        reasoning=used.output_tokens_details.thinking_tokens,
    )


@pytest.mark.parametrize("sample", RESPONSES, ids=name_of)
def test_openais_library_reads_the_same_response(sample: Sample) -> None:
    """Text, reasoning, calls, status and usage agree."""
    with openai_client(Wire(sample.body, stream=sample.stream)) as client:
        if sample.stream:
            events = list(client.responses.create(model="m", input="Hello.", stream=True))
            theirs: Any = next(event for event in events if event.type in {"response.completed", "response.incomplete"})
            theirs = theirs.response
        else:
            theirs = client.responses.create(model="m", input="Hello.")
    reply = ours(sample)
    assert calls(reply) == [
        (item.call_id, item.name, json.loads(item.arguments)) for item in theirs.output if item.type == "function_call"
    ]
    said = [piece for item in theirs.output if item.type == "message" for piece in item.content]
    assert texts(reply) == [piece.text if piece.type == "output_text" else piece.refusal for piece in said]
    kept = [json.loads(part.opaque) for part in reply.parts if isinstance(part, Thinking)]
    assert kept == [item.to_dict() for item in theirs.output if item.type == "reasoning"]
    assert (theirs.status == "incomplete") == (theirs.incomplete_details is not None)
    if theirs.incomplete_details:
        length = theirs.incomplete_details.reason == "max_output_tokens"
        assert reply.stop is (Stop.LENGTH if length else Stop.REFUSAL)
    used = theirs.usage
    details = used.input_tokens_details
    assert reply.usage == Usage(
        input=used.input_tokens - details.cached_tokens - details.cache_write_tokens,
        cache_read=details.cached_tokens,
        cache_write=details.cache_write_tokens,
        output=used.output_tokens,
        reasoning=used.output_tokens_details.reasoning_tokens,
    )


def _chat_stream(client: Any) -> Any:
    """The completion that the library puts together; at some finish reasons it raises, with the completion in hand."""
    try:
        with client.chat.completions.stream(**_ASK, stream_options={"include_usage": True}) as stream:
            stream.until_done()
            return stream.current_completion_snapshot
    except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):
        return stream.current_completion_snapshot


@pytest.mark.parametrize("sample", CHAT, ids=name_of)
def test_openais_library_reads_the_same_completion(sample: Sample) -> None:
    """Text, refusal, calls, finish reason and usage agree."""
    with openai_client(Wire(sample.body, stream=sample.stream)) as client:
        theirs = _chat_stream(client) if sample.stream else client.chat.completions.create(**_ASK)
    reply = ours(sample)
    message = theirs.choices[0].message
    assert "".join(texts(reply)) == (message.content or "") + (message.refusal or "")
    assert calls(reply) == [
        (call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()
    ]
    assert theirs.choices[0].finish_reason in _CHAT_STOP[reply.stop]
    used = theirs.usage
    details = used.prompt_tokens_details
    assert reply.usage == Usage(
        input=used.prompt_tokens - details.cached_tokens - details.cache_write_tokens,
        cache_read=details.cached_tokens,
        cache_write=details.cache_write_tokens,
        output=used.completion_tokens,
        reasoning=used.completion_tokens_details.reasoning_tokens,
    )
