"""OpenAI Responses, the answer. Job: a whole response, or its events. Not its job: the request (responses_in.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ezaigents.simulate.asked import Answer, Asked, Dialect, Refused, Spent, Stop
from ezaigents.simulate.wire.failures import openai_failure
from ezaigents.simulate.wire.form import Allowance, bearer, event, pieces, seal
from ezaigents.simulate.wire.openai_headers import openai_headers
from ezaigents.simulate.wire.responses_in import read_responses

_CACHE_STEP_TOKENS = 128
Json = dict[str, Any]
_Step = tuple[str, Json]


class Responses:
    """The wire form that OpenAI recommends."""

    dialect = Dialect.RESPONSES

    def key(self, headers: Mapping[str, str]) -> str:
        return bearer(headers)

    def read(self, body: bytes, headers: Mapping[str, str]) -> Asked:
        del headers
        return read_responses(body)

    def whole(self, asked: Asked, answer: Answer) -> Json:
        return _response(asked, answer, [item for item, _ in _items(asked, answer)], _status(answer))

    def events(self, asked: Asked, answer: Answer) -> Iterator[bytes]:
        for number, (name, data) in enumerate(_steps(asked, answer)):
            yield event({"type": name, **data, "sequence_number": number}, name)

    def failure(self, refused: Refused, request_id: str) -> Json:
        del request_id
        return openai_failure(refused)

    def failure_event(self, refused: Refused, request_id: str) -> bytes:
        del request_id
        error = openai_failure(refused)["error"]
        said = {"code": error["code"], "message": refused.message, "param": None}
        return event({"type": "error", **said, "sequence_number": 0}, "error")

    def headers(self, request_id: str, left: Allowance) -> list[tuple[str, str]]:
        return openai_headers(request_id, left)

    def cache_step_tokens(self) -> int:
        return _CACHE_STEP_TOKENS


def _status(answer: Answer) -> str:
    return "incomplete" if answer.move.stop is Stop.LENGTH else "completed"


def _steps(asked: Asked, answer: Answer) -> Iterator[_Step]:
    begun = _response(asked, answer, [], "in_progress")
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    items = list(_items(asked, answer))
    for index, (item, steps) in enumerate(items):
        yield "response.output_item.added", {"output_index": index, "item": _begun(item)}
        for name, data in steps:
            yield name, {"item_id": item["id"], "output_index": index, **data}
        yield "response.output_item.done", {"output_index": index, "item": item}
    status = _status(answer)
    yield f"response.{status}", {"response": _response(asked, answer, [item for item, _ in items], status)}


def _response(asked: Asked, answer: Answer, output: list[Json], status: str) -> Json:
    is_over = status != "in_progress"
    return {
        "id": answer.id,
        "object": "response",
        "created_at": answer.created_s,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": asked.max_tokens or None,
        "model": asked.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _usage(answer.spent) if is_over and answer.spent else None,
        "metadata": {},
    }


def _usage(spent: Spent) -> Json:
    return {
        "input_tokens": spent.input,
        "input_tokens_details": {"cached_tokens": spent.cache_read, "cache_write_tokens": spent.cache_write},
        "output_tokens": spent.output,
        "output_tokens_details": {"reasoning_tokens": spent.thinking},
        "total_tokens": spent.input + spent.output,
    }


def _items(asked: Asked, answer: Answer) -> Iterator[tuple[Json, list[_Step]]]:
    """Each item whole, and the steps that build it in a stream."""
    move = answer.move
    tail = answer.id.partition("_")[2]
    is_cut = move.stop is Stop.LENGTH
    if move.thinking:
        yield _reasoning(asked, move.thinking, f"rs_{tail}")
    if move.text:
        kind = "refusal" if move.stop is Stop.REFUSAL else "output_text"
        yield _message(kind, move.text, f"msg_{tail}", "incomplete" if is_cut and not move.calls else "completed")
    for number, call in enumerate(move.calls):
        yield _call(call.name, call.text(), f"{tail}{number}", "incomplete" if is_cut else "completed")


def _reasoning(asked: Asked, thought: str, item_id: str) -> tuple[Json, list[_Step]]:
    part = {"type": "summary_text", "text": thought}
    item: Json = {"id": item_id, "type": "reasoning", "summary": [part]}
    if asked.seals_thinking:
        item["encrypted_content"] = seal(asked.model, thought)
    where = {"summary_index": 0}
    steps: list[_Step] = [("response.reasoning_summary_part.added", {**where, "part": {**part, "text": ""}})]
    steps += [("response.reasoning_summary_text.delta", {**where, "delta": one}) for one in pieces(thought)]
    steps.append(("response.reasoning_summary_text.done", {**where, "text": thought}))
    steps.append(("response.reasoning_summary_part.done", {**where, "part": part}))
    return item, steps


def _message(kind: str, text: str, item_id: str, status: str) -> tuple[Json, list[_Step]]:
    is_refusal = kind == "refusal"
    part: Json = {"type": kind, "refusal": text} if is_refusal else _text_part(text)
    item = {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": [part]}
    where = {"content_index": 0}
    besides: Json = {} if is_refusal else {"logprobs": []}
    empty = {**part, "refusal" if is_refusal else "text": ""}
    steps: list[_Step] = [("response.content_part.added", {**where, "part": empty})]
    steps += [(f"response.{kind}.delta", {**where, "delta": piece, **besides}) for piece in pieces(text)]
    whole = {"refusal": text} if is_refusal else {"text": text, **besides}
    steps.append((f"response.{kind}.done", {**where, **whole}))
    steps.append(("response.content_part.done", {**where, "part": part}))
    return item, steps


def _text_part(text: str) -> Json:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _call(name: str, arguments: str, tail: str, status: str) -> tuple[Json, list[_Step]]:
    item = {"id": f"fc_{tail}", "type": "function_call", "status": status}
    item |= {"arguments": arguments, "call_id": f"call_{tail}", "name": name}
    steps: list[_Step] = [("response.function_call_arguments.delta", {"delta": piece}) for piece in pieces(arguments)]
    steps.append(("response.function_call_arguments.done", {"arguments": arguments, "name": name}))
    return item, steps


def _begun(item: Json) -> Json:
    """The item as it is announced, before there is anything in it."""
    empty: dict[str, Json] = {
        "message": {"content": [], "status": "in_progress"},
        "function_call": {"arguments": "", "status": "in_progress"},
        "reasoning": {"summary": []},
    }
    return {**item, **empty[item["type"]]}
