"""Anthropic Messages, the answer. Job: a whole message, or its events. Not its job: the request (messages_in.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ezaigents.simulate.asked import Answer, Asked, Call, Dialect, Refused, Spent, Stop
from ezaigents.simulate.wire.failures import anthropic_failure
from ezaigents.simulate.wire.form import Allowance, bearer, event, pieces, seal
from ezaigents.simulate.wire.messages_in import read_messages

_STOPS = {Stop.END: "end_turn", Stop.TOOLS: "tool_use", Stop.LENGTH: "max_tokens", Stop.REFUSAL: "refusal"}
_ORGANISATION = "00000000-0000-4000-8000-000000000000"
Json = dict[str, Any]
_EMPTY: dict[str, Json] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}


class Messages:
    """The wire form of Claude."""

    dialect = Dialect.MESSAGES

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-api-key", "").strip() or bearer(headers)

    def read(self, body: bytes, headers: Mapping[str, str]) -> Asked:
        if not headers.get("anthropic-version"):
            raise Refused(400, "anthropic-version: header is required")
        return read_messages(body)

    def whole(self, asked: Asked, answer: Answer) -> Json:
        content = [block for block, _ in _blocks(asked, answer)]
        return _message(asked, answer, content, _STOPS[answer.move.stop], answer.spent)

    def events(self, asked: Asked, answer: Answer) -> Iterator[bytes]:
        spent = answer.spent
        begun = msgspec.structs.replace(spent, output=min(1, spent.output)) if spent else None
        message = _message(asked, answer, [], None, begun)
        yield event({"type": "message_start", "message": message}, "message_start")
        for index, (block, deltas) in enumerate(_blocks(asked, answer)):
            yield from _block_events(index, block, deltas)
            if index == 0:
                yield event({"type": "ping"}, "ping")
        delta = {"stop_reason": _STOPS[answer.move.stop], "stop_sequence": None}
        last: Json = {"type": "message_delta", "delta": delta}
        if spent:
            last["usage"] = _usage(spent, asked.long_cached)
        yield event(last, "message_delta")
        yield event({"type": "message_stop"}, "message_stop")

    def failure(self, refused: Refused, request_id: str) -> Json:
        return anthropic_failure(refused, request_id)

    def failure_event(self, refused: Refused, request_id: str) -> bytes:
        return event(anthropic_failure(refused, request_id), "error")

    def headers(self, request_id: str, left: Allowance) -> list[tuple[str, str]]:
        said = [("request-id", request_id), ("anthropic-organization-id", _ORGANISATION)]
        numbers = [("requests", left.requests, left.requests_left)]
        numbers += [(name, left.tokens, left.tokens_left) for name in ("tokens", "input-tokens", "output-tokens")]
        for name, limit, remaining in numbers:
            said.append((f"anthropic-ratelimit-{name}-limit", str(limit)))
            said.append((f"anthropic-ratelimit-{name}-remaining", str(remaining)))
            said.append((f"anthropic-ratelimit-{name}-reset", left.reset_at))
        return said

    def cache_step_tokens(self) -> int:
        return 1


def _message(asked: Asked, answer: Answer, content: list[Json], stop: str | None, spent: Spent | None) -> Json:
    message: Json = {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
    }
    if spent:
        message["usage"] = _usage(spent, asked.long_cached)
    return message


def _usage(spent: Spent, long_cached: bool) -> Json:
    written = (0, spent.cache_write) if long_cached else (spent.cache_write, 0)
    return {
        "input_tokens": spent.fresh,
        "cache_creation_input_tokens": spent.cache_write,
        "cache_read_input_tokens": spent.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": written[0], "ephemeral_1h_input_tokens": written[1]},
        "output_tokens": spent.output,
        "service_tier": "standard",
    }


def _blocks(asked: Asked, answer: Answer) -> Iterator[tuple[Json, list[Json]]]:
    """Each block whole, and the deltas that build it in a stream."""
    move = answer.move
    if move.thinking:
        sealed = seal(asked.model, move.thinking)
        deltas: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(move.thinking)]
        deltas.append({"type": "signature_delta", "signature": sealed})
        yield {"type": "thinking", "thinking": move.thinking, "signature": sealed}, deltas
    if move.text:
        yield {"type": "text", "text": move.text}, [{"type": "text_delta", "text": one} for one in pieces(move.text)]
    for number, call in enumerate(move.calls):
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces(call.text()))]
        use = {"type": "tool_use", "id": f"toolu_{answer.id[4:]}{number}", "name": call.name, "input": _input(call)}
        yield use, deltas


def _input(call: Call) -> object:
    """Where an object must stand, text that is none is wrapped, as in a whole message it cannot be told otherwise."""
    try:
        found = msgspec.json.decode(call.text())
    except (msgspec.DecodeError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"INVALID_JSON": call.text()}


def _block_events(index: int, block: Json, deltas: list[Json]) -> Iterator[bytes]:
    empty: dict[str, Json] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    begun = {**block, **empty[block["type"]]}
    yield event({"type": "content_block_start", "index": index, "content_block": begun}, "content_block_start")
    for delta in deltas:
        yield event({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
    yield event({"type": "content_block_stop", "index": index}, "content_block_stop")
