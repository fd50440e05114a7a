"""An answer that no provider owns in OpenAI's form. Job: a reply as a completion, or as chunks; pure.

Not its job: when they are sent (routes/chat).
"""

from __future__ import annotations

import msgspec

from ezaigents.api.chat.completion import (
    AnswerMessage,
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChatUsage,
    ChunkChoice,
    CompletionDetails,
    Delta,
    Finish,
    FunctionDelta,
    PromptDetails,
    ToolCallDelta,
)
from ezaigents.api.chat.request import CalledFunction, ChatToolCall
from ezaigents.providers import Reply, Stop, Text, ToolCall
from ezaigents.records import Usage

SIMULATED = "simulated"
DONE = b"[DONE]"
_FINISH: dict[Stop, Finish] = {
    Stop.END: "stop",
    Stop.TOOLS: "tool_calls",
    Stop.LENGTH: "length",
    Stop.REFUSAL: "content_filter",
}


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What all pieces of one answer have in common. `created`: seconds since 1970. `simulated`: as far as is known."""

    id: str
    created: int
    agent: str
    simulated: bool


def completion(frame: Frame, reply: Reply, cost_microusd: int) -> ChatCompletion:
    """A whole answer."""
    calls = [
        ChatToolCall(id=call.id, function=CalledFunction(name=call.name, arguments=call.arguments))
        for call in _calls(reply)
    ]
    text = "".join(part.text for part in reply.parts if isinstance(part, Text))
    message = AnswerMessage(content=text if text or not calls else None, tool_calls=calls or msgspec.UNSET)
    return ChatCompletion(
        id=frame.id,
        created=frame.created,
        model=frame.agent,
        choices=[ChatChoice(message=message, finish_reason=_FINISH[reply.stop])],
        usage=usage(reply),
        simulated=reply.simulated,
        route=reply.route,
        cost_microusd=cost_microusd,
        system_fingerprint=_fingerprint(reply.simulated),
    )


def opening(frame: Frame) -> ChatChunk:
    """The chunk that an answer begins with."""
    return _chunk(frame, Delta(role="assistant", content=""))


def piece(frame: Frame, text: str) -> ChatChunk:
    """A piece of its text."""
    return _chunk(frame, Delta(content=text))


def closing(frame: Frame, reply: Reply, cost_microusd: int) -> list[ChatChunk]:
    """What is said once it is whole: its calls, and how it ended."""
    frame = msgspec.structs.replace(frame, simulated=reply.simulated)
    calls = [
        ToolCallDelta(index=index, id=call.id, function=FunctionDelta(name=call.name, arguments=call.arguments))
        for index, call in enumerate(_calls(reply))
    ]
    end = ChunkChoice(delta=Delta(), finish_reason=_FINISH[reply.stop])
    last = msgspec.structs.replace(
        _chunk(frame, Delta()), choices=[end], route=reply.route, cost_microusd=cost_microusd
    )
    return [_chunk(frame, Delta(tool_calls=calls)), last] if calls else [last]


def used(frame: Frame, reply: Reply) -> ChatChunk:
    """The chunk that says what was used, behind all others."""
    frame = msgspec.structs.replace(frame, simulated=reply.simulated)
    return msgspec.structs.replace(_chunk(frame, Delta()), choices=[], usage=usage(reply))


def usage(reply: Reply) -> ChatUsage:
    """What an answer used."""
    counted = reply.usage or Usage()
    return ChatUsage(
        prompt_tokens=counted.input_total,
        completion_tokens=counted.output,
        total_tokens=counted.input_total + counted.output,
        prompt_tokens_details=PromptDetails(cached_tokens=counted.cache_read),
        completion_tokens_details=CompletionDetails(reasoning_tokens=counted.reasoning),
    )


def _calls(reply: Reply) -> list[ToolCall]:
    return [part for part in reply.parts if isinstance(part, ToolCall)]


def _chunk(frame: Frame, delta: Delta) -> ChatChunk:
    return ChatChunk(
        id=frame.id,
        created=frame.created,
        model=frame.agent,
        choices=[ChunkChoice(delta=delta)],
        simulated=frame.simulated,
        system_fingerprint=_fingerprint(frame.simulated),
    )


def _fingerprint(simulated: bool) -> str | None:
    return SIMULATED if simulated else None
