"""OpenAI Responses: what is sent.

Job: a Request as `POST /responses`, with nothing kept at the provider (`store: false`, reasoning encrypted). Not its
job: what comes back (responses_answer). Source: OpenAI API reference, and the types of its Python SDK 3.57.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from ezaigents.providers.dialects.call_ids import ANY, CallIds, digest
from ezaigents.providers.dialects.failures import failure
from ezaigents.providers.dialects.quirks import Effort, Quirks
from ezaigents.providers.dialects.reading import EventReading
from ezaigents.providers.dialects.responses_answer import Phase, ResponsesAssembly, read_answer
from ezaigents.providers.dialects.wire import encoded, failed_text, object_or_none, schema, tool_name
from ezaigents.providers.errors import CallFailed
from ezaigents.providers.transcript import (
    Part,
    Reply,
    Request,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolUse,
    Turn,
)

_CACHE_KEY_CHARACTERS = 64  # the provider refuses longer ones


class Responses:
    """The dialect `responses`."""

    name = "responses"
    path = "/responses"

    def headers(self, key: str) -> dict[str, str]:
        return bearer(key)

    def body(self, request: Request, quirks: Quirks, *, route: str) -> bytes:
        fields: dict[str, object] = {"model": request.model, "max_output_tokens": request.max_output_tokens}
        fields |= {"store": False, "include": ["reasoning.encrypted_content"]}
        if request.stream:
            fields["stream"] = True
        if request.effort and quirks.effort is not Effort.NONE:
            fields["reasoning"] = {"effort": request.effort}
        if request.cache_key and quirks.cache_key:
            fields["prompt_cache_key"] = cache_key(request)
        if request.system.strip():
            fields["instructions"] = request.system
        if request.tools:
            fields["tools"] = _tools(request)
            if request.tool_use is not ToolUse.FREE:
                fields["tool_choice"] = _choice(request)
        return encoded(fields, {"input": _items(request.turns, quirks, route)}, quirks)

    def reply(self, body: bytes, *, route: str) -> Reply:
        return read_answer(body, route)

    def reading(self, *, route: str) -> EventReading:
        return EventReading(ResponsesAssembly(route))

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> CallFailed:
        return failure(status, headers, body)


def bearer(key: str) -> dict[str, str]:
    """The headers of both dialects that OpenAI made."""
    fixed = {"content-type": "application/json"}
    return {**fixed, "authorization": f"Bearer {key}"} if key else fixed


def cache_key(request: Request) -> str:
    """The request's cache key as the provider takes it."""
    key = request.cache_key
    return key if len(key) <= _CACHE_KEY_CHARACTERS else digest(key)


def _tools(request: Request) -> list[dict[str, object]]:
    """Not strict, which is this API's default and would refuse most schemas."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": schema(tool),
            "strict": False,
        }
        for tool in request.tools
    ]


def _choice(request: Request) -> object:
    if request.tool_use is ToolUse.NAMED:
        return {"type": "function", "name": tool_name(request.tool)}
    return plain_choice(request)


def plain_choice(request: Request) -> str:
    """The word for a choice that names no tool, in both dialects that OpenAI made."""
    return "none" if request.tool_use is ToolUse.NONE else "required"


def _items(turns: tuple[Turn, ...], quirks: Quirks, route: str) -> list[object]:
    ids = CallIds(ANY)
    return [item for turn in turns for item in _turn_items(turn, quirks, route, ids)]


def _turn_items(turn: Turn, quirks: Quirks, route: str, ids: CallIds) -> Iterator[object]:
    """The items of a turn. Reasoning without an item after it is refused, so what ends a turn is left out."""
    waiting: list[object] = []
    phase: dict[str, object] = {}
    for part in turn.parts:
        if isinstance(part, Thinking):
            own = _own(part, quirks) if part.model == route else None
            if isinstance(own, Phase):
                phase = {"phase": own.phase}
            elif own is not None:
                waiting.append(own)
        elif (item := _item(part, turn.role, ids)) is not None:
            yield from waiting
            yield {**item, **phase} if isinstance(part, Text) else item
            waiting, phase = [], {}


def _item(part: Part, role: Role, ids: CallIds) -> dict[str, object] | None:
    match part:
        case Text(text) if text.strip():
            return {"type": "message", "role": role.value, "content": text}
        case ToolCall():
            arguments = part.arguments if object_or_none(part.arguments) else "{}"
            name = tool_name(part.name)
            return {"type": "function_call", "call_id": ids.call(part.id), "name": name, "arguments": arguments}
        case ToolResult():
            output = failed_text(part.text, part.failed)
            return {"type": "function_call_output", "call_id": ids.result(part.call), "output": output}
    return None


class _Reasoning(msgspec.Struct, tag_field="type", tag="reasoning"):
    encrypted_content: str | None = None


def _own(part: Thinking, quirks: Quirks) -> msgspec.Raw | Phase | None:
    """The provider's own item. Reasoning that is not encrypted is only an id of what the provider did not keep."""
    item = object_or_none(part.opaque)
    if item is None:
        return None
    try:
        read = msgspec.json.decode(bytes(item), type=_Reasoning | Phase)
    except msgspec.DecodeError:
        return None
    if isinstance(read, Phase):
        return read
    return item if read.encrypted_content or quirks.keeps_thinking else None
