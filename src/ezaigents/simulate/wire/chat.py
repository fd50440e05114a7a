"""Chat Completions, the answer. Job: a whole completion, or its chunks. Not its job: the request (chat_in.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ezaigents.simulate.asked import Answer, Asked, Dialect, Refused, Spent, Stop
from ezaigents.simulate.wire.chat_in import read_chat
from ezaigents.simulate.wire.chat_others import is_gemini, is_mistral, short_id, signed
from ezaigents.simulate.wire.failures import openai_failure
from ezaigents.simulate.wire.form import Allowance, bearer, event, pieces
from ezaigents.simulate.wire.openai_headers import openai_headers

_CACHE_STEP_TOKENS = 128
_STOPS = {Stop.END: "stop", Stop.TOOLS: "tool_calls", Stop.LENGTH: "length", Stop.REFUSAL: "content_filter"}
_OVER = b"data: [DONE]\n\n"
Json = dict[str, Any]


class Chat:
    """The wire form that nearly everybody speaks."""

    dialect = Dialect.CHAT

    def key(self, headers: Mapping[str, str]) -> str:
        return bearer(headers)

    def read(self, body: bytes, headers: Mapping[str, str]) -> Asked:
        del headers
        return read_chat(body)

    def whole(self, asked: Asked, answer: Answer) -> Json:
        move = answer.move
        is_refusal = move.stop is Stop.REFUSAL
        message: Json = {"role": "assistant", "content": None if is_refusal else move.text or None}
        message["refusal"] = move.text if is_refusal else None
        if move.thinking:
            message["reasoning_content"] = move.thinking
        if move.calls:
            message["tool_calls"] = _calls(asked, answer)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _STOPS[move.stop]}
        whole = _frame(asked, answer, "chat.completion") | {"choices": [choice]}
        return whole | ({"usage": _usage(asked, answer.spent)} if answer.spent else {})

    def events(self, asked: Asked, answer: Answer) -> Iterator[bytes]:
        frame = _frame(asked, answer, "chat.completion.chunk")
        spent = answer.spent if asked.tells_usage else None
        if spent:
            frame["usage"] = None
        for delta in _deltas(asked, answer):
            yield event({**frame, "choices": [_choice(delta, None)]})
        yield event({**frame, "choices": [_choice({}, _STOPS[answer.move.stop])]})
        if spent:
            yield event({**frame, "choices": [], "usage": _usage(asked, spent)})
        yield _OVER

    def failure(self, refused: Refused, request_id: str) -> Json:
        del request_id
        return openai_failure(refused)

    def failure_event(self, refused: Refused, request_id: str) -> bytes:
        del request_id
        return event(openai_failure(refused))

    def headers(self, request_id: str, left: Allowance) -> list[tuple[str, str]]:
        return openai_headers(request_id, left)

    def cache_step_tokens(self) -> int:
        return _CACHE_STEP_TOKENS


def _frame(asked: Asked, answer: Answer, kind: str) -> Json:
    made = {"id": answer.id, "object": kind, "created": answer.created_s, "model": asked.model}
    return {**made, "service_tier": "default", "system_fingerprint": "fp_simulated"}


def _choice(delta: Json, stop: str | None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": stop}


def _calls(asked: Asked, answer: Answer) -> list[Json]:
    return [
        {
            "id": short_id(answer.id, number) if is_mistral(asked.model) else f"call_{answer.id[9:]}{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.text()},
            **(signed(call.name) if is_gemini(asked.model) and number == 0 else {}),
        }
        for number, call in enumerate(answer.move.calls)
    ]


def _deltas(asked: Asked, answer: Answer) -> Iterator[Json]:
    move = answer.move
    yield {"role": "assistant", "content": "", "refusal": None}
    yield from ({"reasoning_content": piece} for piece in pieces(move.thinking))
    field = "refusal" if move.stop is Stop.REFUSAL else "content"
    yield from ({field: piece} for piece in pieces(move.text))
    for index, call in enumerate(_calls(asked, answer)):
        arguments = call["function"]["arguments"]
        begun = {**call, "function": {**call["function"], "arguments": ""}}
        yield {"tool_calls": [{"index": index, **begun}]}
        for piece in pieces(arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _usage(asked: Asked, spent: Spent) -> Json:
    usage: Json = {
        "prompt_tokens": spent.input,
        "completion_tokens": spent.output,
        "total_tokens": spent.input + spent.output,
        "prompt_tokens_details": {"cached_tokens": spent.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": spent.thinking, "audio_tokens": 0},
    }
    if asked.model.startswith("deepseek"):
        hit = {"prompt_cache_hit_tokens": spent.cache_read}
        usage |= hit | {"prompt_cache_miss_tokens": spent.input - spent.cache_read}
    return usage
