"""Chat Completions, what is asked. Job: the record of a request, every field that OpenAI documents among it.

Not its job: what is refused beyond types (inbound). Source: OpenAI API reference, and the types of its Python SDK 3.54.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Json = dict[str, Any]


class ContentPart(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a message. Only words are taken: no images, audio or files."""

    type: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["text", "refusal"]})]
    text: str | None = None
    refusal: str | None = None


Content = str | list[ContentPart] | None


class SystemMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="role", tag="system"):
    """What the model is to be. All of them together are told first, wherever they stand."""

    content: Content = None


class DeveloperMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="role", tag="developer"):
    """The same under its newer name."""

    content: Content = None


class UserMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="role", tag="user"):
    """What the user says."""

    content: Content = None


class CalledFunction(msgspec.Struct, frozen=True, kw_only=True):
    """`arguments`: JSON, as text."""

    name: str
    arguments: str


class ChatToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model calls."""

    id: str
    function: CalledFunction
    type: Literal["function"] = "function"


class AssistantMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="role", tag="assistant"):
    """What the model said before. `function_call`, `audio`: not taken."""

    content: Content = None
    tool_calls: list[ChatToolCall] | None = None
    function_call: Json | None = None
    audio: Json | None = None


class ToolMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="role", tag="tool"):
    """What a tool answered to the call of this id."""

    tool_call_id: str
    content: Content = None


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class ToolFunction(msgspec.Struct, frozen=True, kw_only=True):
    """`parameters`: a JSON schema of an object, none = no parameters. `strict`: has no effect here."""

    name: str
    description: str | None = None
    parameters: Json | None = None
    strict: bool | None = None


class ChatTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model may call; whoever asks carries the call out."""

    function: ToolFunction
    type: Literal["function"] = "function"


class NamedFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A tool by its name."""

    name: str


class NamedTool(msgspec.Struct, frozen=True, kw_only=True):
    """The tool that is to be called."""

    function: NamedFunction
    type: Literal["function"] = "function"


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`include_usage`: a last chunk says what was used. `include_obfuscation`: has no effect here."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """Only `text` is taken."""

    type: str = "text"


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request. `model`: an agent's name, `auto`, or `auto:KIND`.

    No effect here: `temperature`, `top_p`, `frequency_penalty`, `presence_penalty`, `seed`, `verbosity`, `user`,
    `safety_identifier`, `metadata`, `service_tier`, `prompt_cache_options`, `prompt_cache_retention`. Refused where
    they ask for something: the fields from `stop` on.
    """

    model: str
    messages: list[Message]
    tools: list[ChatTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    prompt_cache_key: str | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    verbosity: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: Json | None = None
    service_tier: str | None = None
    prompt_cache_options: Json | None = None
    prompt_cache_retention: str | None = None
    stop: str | list[str] | None = None
    response_format: ResponseFormat | None = None
    parallel_tool_calls: bool | None = None
    store: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Json | None = None
    modalities: list[str] | None = None
    audio: Json | None = None
    prediction: Json | None = None
    web_search_options: Json | None = None
    moderation: Json | None = None
    functions: list[Json] | None = None
    function_call: str | Json | None = None
