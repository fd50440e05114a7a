"""OpenAI Chat Completions: what is sent, also to the many servers that speak it nearly.

Job: a Request as `POST /chat/completions`. Not its job: what comes back (chat_answer). Source: OpenAI API reference,
the types of its Python SDK 3.57, and what the servers named in quirks.py refuse.
"""

from __future__ import annotations

from collections.abc import Mapping

from ezaigents.providers.dialects.call_ids import ANY, NINE, CallIds
from ezaigents.providers.dialects.chat_answer import ChatAssembly, Signature, read_answer
from ezaigents.providers.dialects.failures import failure
from ezaigents.providers.dialects.quirks import Effort, Quirks
from ezaigents.providers.dialects.reading import EventReading
from ezaigents.providers.dialects.responses import bearer, cache_key, plain_choice
from ezaigents.providers.dialects.wire import (
    NO_TEXT,
    Garbled,
    decoded,
    encoded,
    failed_text,
    object_or_none,
    schema,
    tool_name,
)
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


class Chat:
    """The dialect `chat`."""

    name = "chat"
    path = "/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        return bearer(key)

    def body(self, request: Request, quirks: Quirks, *, route: str) -> bytes:
        fields: dict[str, object] = {"model": request.model, quirks.output_limit_field: request.max_output_tokens}
        if request.stream:
            fields["stream"] = True
            if quirks.stream_usage:
                fields["stream_options"] = {"include_usage": True}
        if request.effort:
            fields |= _effort(request.effort, quirks)
        if request.cache_key and quirks.cache_key:
            fields["prompt_cache_key"] = cache_key(request)
        if request.tools:
            fields["tools"] = _tools(request)
            if request.tool_use is not ToolUse.FREE:
                fields["tool_choice"] = _choice(request)
        return encoded(fields, {"messages": _messages(request, quirks, route)}, quirks)

    def reply(self, body: bytes, *, route: str) -> Reply:
        return read_answer(body, route)

    def reading(self, *, route: str) -> EventReading:
        return EventReading(ChatAssembly(route))

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> CallFailed:
        return failure(status, headers, body)


def _effort(effort: str, quirks: Quirks) -> dict[str, object]:
    match quirks.effort:
        case Effort.NONE:
            return {}
        case Effort.REASONING:
            return {"reasoning": {"effort": effort}}
    return {"reasoning_effort": effort}


def _tools(request: Request) -> list[dict[str, object]]:
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": schema(tool),
            },
        }
        for tool in request.tools
    ]


def _choice(request: Request) -> object:
    if request.tool_use is ToolUse.NAMED:
        return {"type": "function", "function": {"name": tool_name(request.tool)}}
    return plain_choice(request)


def _messages(request: Request, quirks: Quirks, route: str) -> list[dict[str, object]]:
    ids = CallIds(NINE if quirks.short_call_ids else ANY)
    messages: list[dict[str, object]] = []
    if request.system.strip():
        messages.append({"role": quirks.system_role, "content": request.system})
    for turn in request.turns:
        if turn.role is Role.ASSISTANT:
            messages.append(_assistant(turn, quirks, route, ids))
        else:
            messages += _user(turn, quirks, ids)
    return messages


def _words(parts: tuple[Part, ...]) -> str:
    return "\n".join(part.text for part in parts if isinstance(part, Text) and part.text.strip())


def _user(turn: Turn, quirks: Quirks, ids: CallIds) -> list[dict[str, object]]:
    """A message per result, then the words."""
    messages: list[dict[str, object]] = [
        {"role": "tool", "tool_call_id": ids.result(part.call), "content": failed_text(part.text, part.failed)}
        for part in turn.parts
        if isinstance(part, ToolResult)
    ]
    words = _words(turn.parts)
    if words and messages and not quirks.user_after_tool:
        messages[-1]["content"] = f"{messages[-1]['content']}\n\n{words}"
    elif words or not messages:
        messages.append({"role": "user", "content": words or NO_TEXT})
    return messages


def _assistant(turn: Turn, quirks: Quirks, route: str, ids: CallIds) -> dict[str, object]:
    own = [part for part in turn.parts if isinstance(part, Thinking) and part.model == route]
    signatures = {found.call: found.fields for part in own if (found := _signature(part))}
    unsigned = {} if signatures else quirks.unsigned_call  # of several calls made at once only the first is signed
    calls = [_call(part, signatures.get(part.id, unsigned), ids) for part in turn.parts if isinstance(part, ToolCall)]
    words = _words(turn.parts)
    message: dict[str, object] = {"role": "assistant", "content": words or (None if calls else NO_TEXT)}
    thought = "".join(part.text for part in own)
    if quirks.keeps_thinking and thought:
        message["reasoning_content"] = thought
    return {**message, "tool_calls": calls} if calls else message


def _signature(part: Thinking) -> Signature | None:
    try:
        return decoded(part.opaque.encode("utf-8", "replace"), Signature) if part.opaque else None
    except Garbled:
        return None


def _call(part: ToolCall, extra: dict[str, object], ids: CallIds) -> dict[str, object]:
    arguments = part.arguments if object_or_none(part.arguments) else "{}"
    function = {"name": tool_name(part.name), "arguments": arguments}
    return {"id": ids.call(part.id), "type": "function", "function": function, **extra}
