"""OpenAI Responses, the fields of a request. Job: its record. Not its job: what else must hold (responses_in.py)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Json = dict[str, Any]


class Message(msgspec.Struct, tag_field="type", tag="message", forbid_unknown_fields=True, kw_only=True):
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Json]
    id: str | None = None
    status: str | None = None
    phase: str | None = None

    def words(self) -> str:
        """Its text."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part["text"] for part in self.content if isinstance(part.get("text"), str))


class Call(msgspec.Struct, tag_field="type", tag="function_call", forbid_unknown_fields=True, kw_only=True):
    call_id: str
    name: str
    arguments: str
    id: str | None = None
    status: str | None = None


class Result(msgspec.Struct, tag_field="type", tag="function_call_output", forbid_unknown_fields=True, kw_only=True):
    call_id: str
    output: str | list[Json]
    id: str | None = None
    status: str | None = None

    def words(self) -> str:
        """Its text."""
        if isinstance(self.output, str):
            return self.output
        return "\n".join(part["text"] for part in self.output if isinstance(part.get("text"), str))


class Reasoning(msgspec.Struct, tag_field="type", tag="reasoning", forbid_unknown_fields=True, kw_only=True):
    summary: list[Json]
    id: str = ""
    encrypted_content: str | None = None
    content: list[Json] | None = None
    status: str | None = None


Item = Message | Call | Result | Reasoning


class Tool(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    type: Literal["function"]
    name: str
    parameters: Json | None = None
    description: str | None = None
    strict: bool | None = None


class Reason(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: str | None = None


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    model: str
    input: str | list[Item]
    instructions: str | None = None
    tools: list[Tool] = []
    tool_choice: str | Json | None = None
    stream: bool | None = None
    store: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning: Reason | None = None
    include: list[str] | None = None
    previous_response_id: str | None = None
    conversation: str | Json | None = None
    background: bool | None = None
    context_management: list[Json] | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, str] | None = None
    parallel_tool_calls: bool | None = None
    prompt: Json | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Json | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    service_tier: Literal["auto", "default", "flex", "priority", "fast"] | None = None
    stream_options: Json | None = None
    text: Json | None = None
    top_logprobs: int | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | None = None
