"""Anthropic Messages, the fields of a request. Job: its record. Not its job: what else must hold (messages_in.py)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Json = dict[str, Any]


class Block(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    cache_control: Json | None = None


class Text(Block, tag="text"):
    text: str
    citations: list[Json] | None = None


class Image(Block, tag="image"):
    source: Json


class Document(Block, tag="document"):
    source: Json
    title: str | None = None
    context: str | None = None
    citations: Json | None = None


class Use(Block, tag="tool_use"):
    id: str
    name: str
    input: Json
    caller: Json | None = None


class Result(Block, tag="tool_result"):
    tool_use_id: str
    content: str | list[Text | Image | Document] = ""
    is_error: bool = False


class Thinking(Block, tag="thinking"):
    thinking: str
    signature: str


class Sealed(Block, tag="redacted_thinking"):
    data: str


Content = Text | Image | Document | Use | Result | Thinking | Sealed


class Message(msgspec.Struct, forbid_unknown_fields=True):
    role: Literal["user", "assistant"]
    content: str | list[Content]

    def blocks(self) -> list[Content]:
        """The content, words alone as one block."""
        return [Text(text=self.content)] if isinstance(self.content, str) else self.content


class Tool(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    input_schema: Json
    description: str = ""
    type: str | None = None
    strict: bool | None = None
    cache_control: Json | None = None
    eager_input_streaming: bool | None = None
    input_examples: list[Json] | None = None
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    model: str
    messages: list[Message]
    max_tokens: int
    system: str | list[Text] = ""
    tools: list[Tool] = []
    tool_choice: Json | None = None
    stream: bool = False
    thinking: Json | None = None
    cache_control: Json | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    container: str | Json | None = None
    diagnostics: Json | None = None
    inference_geo: str | None = None
    metadata: Json | None = None
    output_config: Json | None = None
    service_tier: str | None = None
    speed: str | None = None
    stop_sequences: list[str] | None = None
