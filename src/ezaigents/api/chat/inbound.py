"""A request in OpenAI's form as one that no provider owns. Job: convert, and refuse what cannot be; pure.

Nothing that would change an answer is passed over in silence: it is carried on, or refused with its name, but for what
`request.py` says has no effect. Not its job: who is asked (choosing), what it costs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ezaigents.api.chat.request import (
    AssistantMessage,
    ChatRequest,
    ChatTool,
    Content,
    ContentPart,
    DeveloperMessage,
    Message,
    NamedTool,
    SystemMessage,
    ToolMessage,
    UserMessage,
)
from ezaigents.codec import to_json
from ezaigents.errors import InputError
from ezaigents.providers import Part, Request, Role, Text, ToolCall, ToolResult, ToolSpec, ToolUse, Turn

_TOOLS_MOST = 128
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_EFFORTS = ("low", "medium", "high")
_REFUSED = (
    "stop", "logprobs", "top_logprobs", "logit_bias", "audio", "prediction", "web_search_options", "moderation",
    "functions", "function_call", "store",
)  # fmt: skip
"""Fields that ask for something where they are true, or hold anything."""


def neutral_request(asked: ChatRequest) -> Request:
    """The request behind what was asked for; `max_output_tokens` 0 = nothing was said. Raises InputError."""
    _refuse_unsupported(asked)
    tools = _tools(asked.tools or ())
    use, tool = _tool_use(asked, [spec.name for spec in tools])
    return Request(
        system="\n\n".join(filter(None, _system(asked.messages))),
        turns=_turns(asked.messages),
        tools=tools,
        tool_use=use,
        tool=tool,
        max_output_tokens=_limit(asked),
        effort=asked.reasoning_effort or "",
        cache_key=asked.prompt_cache_key or "",
    )


def last_words(asked: ChatRequest) -> str:
    """What the user said last: what an agent is chosen by."""
    said = [message.content for message in asked.messages if isinstance(message, UserMessage)]
    return _words(said[-1], "messages") if said else ""


# -- what is refused -----------------------------------------------------------------------------------------------


def _refuse_unsupported(asked: ChatRequest) -> None:
    for name in _REFUSED:
        if getattr(asked, name):
            raise InputError(name, "is not supported here; leave it out")
    if asked.n not in (None, 1):
        raise InputError("n", "takes 1: one answer is given")
    if asked.parallel_tool_calls is False:
        raise InputError("parallel_tool_calls", "takes true: how many tools are called at once is the model's choice")
    if asked.response_format is not None and asked.response_format.type != "text":
        raise InputError("response_format", "takes only the type text; ask for the form in words, or by a tool")
    if asked.modalities is not None and asked.modalities != ["text"]:
        raise InputError("modalities", "takes only text")
    if asked.reasoning_effort is not None and asked.reasoning_effort not in _EFFORTS:
        raise InputError("reasoning_effort", f"takes {', '.join(_EFFORTS)}")
    if asked.stream_options is not None and not asked.stream:
        raise InputError("stream_options", "is only for an answer that is streamed")


def _limit(asked: ChatRequest) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        limit: int | None = getattr(asked, name)
        if limit is not None:
            if limit < 1:
                raise InputError(name, "takes a whole number from 1")
            return limit
    return 0


# -- tools ---------------------------------------------------------------------------------------------------------


def _tools(tools: Sequence[ChatTool]) -> tuple[ToolSpec, ...]:
    if len(tools) > _TOOLS_MOST:
        raise InputError("tools", f"takes {_TOOLS_MOST} at most")
    seen: set[str] = set()
    for number, tool in enumerate(tools):
        name = tool.function.name
        if not _NAME.match(name) or name in seen:
            words = "takes 1 to 64 of a to z, A to Z, 0 to 9, '_' and '-', each name once"
            raise InputError(f"tools[{number}].function.name", words)
        seen.add(name)
    return tuple(_spec(tool) for tool in tools)


def _spec(tool: ChatTool) -> ToolSpec:
    schema = {"type": "object", "properties": {}} | (tool.function.parameters or {})
    return ToolSpec(
        name=tool.function.name, description=tool.function.description or "", schema=to_json(schema).decode()
    )


def _tool_use(asked: ChatRequest, names: Sequence[str]) -> tuple[ToolUse, str]:
    choice = asked.tool_choice
    if isinstance(choice, NamedTool):
        if choice.function.name not in names:
            raise InputError("tool_choice", "names a tool that is not among `tools`")
        return ToolUse.NAMED, choice.function.name
    if choice == "required" and not names:
        raise InputError("tool_choice", "a tool is to be called, and there are none in `tools`")
    return {"none": ToolUse.NONE, "required": ToolUse.SOME}.get(choice or "", ToolUse.FREE), ""


# -- messages ------------------------------------------------------------------------------------------------------


def _system(messages: Sequence[Message]) -> Iterator[str]:
    for number, message in enumerate(messages):
        if isinstance(message, SystemMessage | DeveloperMessage):
            yield _words(message.content, f"messages[{number}]")


def _turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """Turns that alternate: messages of one side in a row are one, and what tools answer is said by the user."""
    turns: list[tuple[Role, list[Part]]] = []
    waiting: set[str] = set()
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if isinstance(message, SystemMessage | DeveloperMessage):
            continue
        if isinstance(message, ToolMessage):
            _check_result(message, waiting, where)
        elif waiting:
            raise InputError(where, f"the tool calls before it have no answer yet: {', '.join(sorted(waiting))}")
        role = Role.ASSISTANT if isinstance(message, AssistantMessage) else Role.USER
        parts = _parts(message, where)
        waiting |= {part.id for part in parts if isinstance(part, ToolCall)}
        if turns and turns[-1][0] is role:
            turns[-1][1].extend(parts)
        else:
            turns.append((role, parts))
    if waiting:
        raise InputError("messages", f"tool calls have no answer: {', '.join(sorted(waiting))}")
    if not turns or turns[0][0] is not Role.USER or turns[-1][0] is not Role.USER:
        raise InputError("messages", "besides system messages, the first and the last must be a user's or a tool's")
    return tuple(Turn(role, tuple(parts)) for role, parts in turns)


def _check_result(message: ToolMessage, waiting: set[str], where: str) -> None:
    if message.tool_call_id not in waiting:
        words = "names no call of the assistant message before it that has no answer yet"
        raise InputError(f"{where}.tool_call_id", words)
    waiting.discard(message.tool_call_id)


def _parts(message: UserMessage | AssistantMessage | ToolMessage, where: str) -> list[Part]:
    words = _words(message.content, where)
    if isinstance(message, ToolMessage):
        return [ToolResult(call=message.tool_call_id, text=words)]
    said: list[Part] = [Text(words)] if words else []
    return said + _calls(message, where) if isinstance(message, AssistantMessage) else said


def _calls(message: AssistantMessage, where: str) -> list[Part]:
    for name in ("function_call", "audio"):
        if getattr(message, name):
            raise InputError(f"{where}.{name}", "is not supported here; leave it out")
    calls = message.tool_calls or []
    if len({call.id for call in calls}) < len(calls):
        raise InputError(f"{where}.tool_calls", "two calls have the same id")
    return [ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments) for call in calls]


def _words(content: Content, where: str) -> str:
    if not isinstance(content, list):
        return content or ""
    return "\n".join(filter(None, (_text(part, f"{where}.content[{at}]") for at, part in enumerate(content))))


def _text(part: ContentPart, where: str) -> str:
    text = {"text": part.text, "refusal": part.refusal}.get(part.type)
    if text is None:
        kind = "has no words" if part.type in ("text", "refusal") else "takes only text: no images, audio or files"
        raise InputError(where, f"{part.type[:40]}: {kind}" if part.type else kind)
    return text
