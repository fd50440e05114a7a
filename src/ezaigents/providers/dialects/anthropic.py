"""Anthropic Messages: what is sent.

Job: a Request as `POST /v1/messages`, with cache breakpoints. Not its job: what comes back (anthropic_answer). No
temperature and no top_p: newer models refuse any but the default. Source: Anthropic API reference, version 2023-06-01,
and the types of its Python SDK 2.14.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ezaigents.providers.dialects.anthropic_answer import AnthropicAssembly, read_answer
from ezaigents.providers.dialects.call_ids import WORD, CallIds
from ezaigents.providers.dialects.failures import failure
from ezaigents.providers.dialects.quirks import Effort, Quirks
from ezaigents.providers.dialects.reading import EventReading
from ezaigents.providers.dialects.wire import NO_TEXT, encoded, object_or_none, schema, tool_name
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

_VERSION = "2023-06-01"
_MARK = {"type": "ephemeral"}
"""Cached for five minutes from its last use, the default: the steps of a task follow each other faster."""
_USER_MARKS = 2
"""Breakpoints on user turns. The newest one writes; the one before is where the step before wrote, and is found even
when there are more than 20 blocks between, which is as far as the provider looks back. With tools and system: 4, the
most there may be."""
_NO_ARGUMENTS = msgspec.Raw(b"{}")


class Anthropic:
    """The dialect `anthropic`."""

    name = "anthropic"
    path = "/v1/messages"

    def headers(self, key: str) -> dict[str, str]:
        fixed = {"content-type": "application/json", "anthropic-version": _VERSION}
        return {**fixed, "x-api-key": key} if key else fixed

    def body(self, request: Request, quirks: Quirks, *, route: str) -> bytes:
        fields: dict[str, object] = {"model": request.model, "max_tokens": request.max_output_tokens}
        if request.stream:
            fields["stream"] = True
        if request.effort and quirks.effort is not Effort.NONE:
            fields |= _effort(request, quirks)
        if request.tools:
            fields["tools"] = _tools(request, quirks)
            if request.tool_use is not ToolUse.FREE:
                fields["tool_choice"] = _choice(request)
        if request.system.strip():
            fields["system"] = [_marked({"type": "text", "text": request.system}, quirks.caching)]
        messages = _messages(request.turns, quirks, route)
        if quirks.caching:
            _mark_users(messages)
        return encoded(fields, {"messages": messages}, quirks)

    def reply(self, body: bytes, *, route: str) -> Reply:
        return read_answer(body, route)

    def reading(self, *, route: str) -> EventReading:
        return EventReading(AnthropicAssembly(route))

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> CallFailed:
        return failure(status, headers, body)


def _effort(request: Request, quirks: Quirks) -> dict[str, object]:
    """Thinking is refused where a tool must be called."""
    asked: dict[str, object] = {"output_config": {"effort": request.effort}}
    thinks = quirks.effort is Effort.THINKING and request.tool_use in {ToolUse.FREE, ToolUse.NONE}
    return {**asked, "thinking": {"type": "adaptive"}} if thinks else asked


def _choice(request: Request) -> dict[str, object]:
    match request.tool_use:
        case ToolUse.NONE:
            return {"type": "none"}
        case ToolUse.NAMED:
            return {"type": "tool", "name": tool_name(request.tool)}
    return {"type": "any"}


def _marked(block: dict[str, object], mark: bool) -> dict[str, object]:
    return {**block, "cache_control": _MARK} if mark else block


def _tools(request: Request, quirks: Quirks) -> list[dict[str, object]]:
    tools: list[dict[str, object]] = [
        {"name": tool.name, "description": tool.description, "input_schema": schema(tool)} for tool in request.tools
    ]
    tools[-1] = _marked(tools[-1], quirks.caching)
    return tools


def _messages(turns: tuple[Turn, ...], quirks: Quirks, route: str) -> list[dict[str, object]]:
    ids = CallIds(WORD)
    return [{"role": turn.role.value, "content": _content(turn, quirks, route, ids)} for turn in turns]


def _content(turn: Turn, quirks: Quirks, route: str, ids: CallIds) -> list[object]:
    """The blocks of a turn. One that has none, or only thinking, is refused; so are texts without a visible sign."""
    parts = sorted(turn.parts, key=lambda part: not isinstance(part, ToolResult))  # refused behind anything else
    blocks = [block for part in parts if (block := _block(part, quirks, route, ids)) is not None]
    if not any(isinstance(part, ToolCall | ToolResult) or _says(part) for part in parts):
        blocks.append({"type": "text", "text": NO_TEXT})
    return blocks


def _says(part: Part) -> bool:
    return isinstance(part, Text) and bool(part.text.strip())


def _block(part: Part, quirks: Quirks, route: str, ids: CallIds) -> object | None:
    match part:
        case Text(text):
            return {"type": "text", "text": text} if _says(part) else None
        case Thinking():
            return _thinking(part, quirks) if part.model == route else None
        case ToolCall():
            arguments = object_or_none(part.arguments) or _NO_ARGUMENTS
            return {"type": "tool_use", "id": ids.call(part.id), "name": tool_name(part.name), "input": arguments}
        case ToolResult():
            return _result(part, ids)


def _thinking(part: Thinking, quirks: Quirks) -> object | None:
    """The provider's own block, byte by byte; without one there is no signature, and it would be refused."""
    if block := object_or_none(part.opaque):
        return block
    unsigned = {"type": "thinking", "thinking": part.text, "signature": ""}
    return unsigned if quirks.keeps_thinking and part.text else None


def _result(part: ToolResult, ids: CallIds) -> dict[str, object]:
    block: dict[str, object] = {"type": "tool_result", "tool_use_id": ids.result(part.call)}
    if part.text.strip():
        block["content"] = part.text
    return {**block, "is_error": True} if part.failed else block


def _mark_users(messages: list[dict[str, object]]) -> None:
    """Set a breakpoint on the last block of the newest user turns."""
    users = [message for message in messages if message["role"] == Role.USER.value]
    for message in users[-_USER_MARKS:]:
        blocks = message["content"]
        if isinstance(blocks, list) and isinstance(blocks[-1], dict):
            blocks[-1] = _marked(blocks[-1], mark=True)
