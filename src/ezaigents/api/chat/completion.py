"""Chat Completions, what is answered. Job: the records of an answer, of its chunks, and of the list of models.

Beside OpenAI's own fields: `simulated` (no model was asked, a simulator answered), `route` (who did, as
`provider:model`) and `cost_microusd` (what it cost, tries that failed among it).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ezaigents.api.chat.request import ChatToolCall

Finish = Literal["stop", "length", "tool_calls", "content_filter"]


class PromptDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Of the input, what was in the provider's cache."""

    cached_tokens: int


class CompletionDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Of the output, what was thinking, where that is said."""

    reasoning_tokens: int


class ChatUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens. What the provider does not say is our own count."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class AnswerMessage(msgspec.Struct, frozen=True, kw_only=True):
    """`content`: None = it only calls tools."""

    content: str | None
    role: Literal["assistant"] = "assistant"
    refusal: None = None
    tool_calls: list[ChatToolCall] | msgspec.UnsetType = msgspec.UNSET


class ChatChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The one answer."""

    message: AnswerMessage
    finish_reason: Finish
    index: int = 0
    logprobs: None = None


class ChatCompletion(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. `model`: the agent that answered. `system_fingerprint`: `simulated`, or none."""

    id: str
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage
    simulated: bool
    route: str
    cost_microusd: int
    system_fingerprint: str | None = None
    object: Literal["chat.completion"] = "chat.completion"


class FunctionDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A function that is called, whole: calls are told once the answer is."""

    name: str
    arguments: str


class ToolCallDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a tool, whole."""

    index: int
    id: str
    function: FunctionDelta
    type: Literal["function"] = "function"


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a chunk adds."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChunkChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What is new of the one answer."""

    delta: Delta
    finish_reason: Finish | None = None
    index: int = 0
    logprobs: None = None


class ChatChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an answer. `route` and `cost_microusd` come with the finish; `usage` where it was asked for, last."""

    id: str
    created: int
    model: str
    choices: list[ChunkChoice]
    simulated: bool
    route: str | msgspec.UnsetType = msgspec.UNSET
    cost_microusd: int | msgspec.UnsetType = msgspec.UNSET
    usage: ChatUsage | msgspec.UnsetType = msgspec.UNSET
    system_fingerprint: str | None = None
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that can be asked. `why_not`: why it cannot answer now, "" = it can. `routes`: who may answer for it."""

    id: str
    created: int
    simulated: bool
    why_not: str = ""
    routes: tuple[str, ...] = ()
    owned_by: str = "ezaigents"
    object: Literal["model"] = "model"


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """The agents that ask models, and `auto`."""

    data: list[ModelRow]
    object: Literal["list"] = "list"
