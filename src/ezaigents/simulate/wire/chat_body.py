"""Chat Completions, the fields of a request. Job: its record. Not its job: what else must hold (chat_in.py)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Json = dict[str, Any]


class Function(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    parameters: Json | None = None
    description: str | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    function: Function


class Called(msgspec.Struct, kw_only=True):
    name: str
    arguments: str


class Call(msgspec.Struct, kw_only=True):
    id: str
    type: Literal["function"]
    function: Called
    extra_content: Json | None = None


class Said(msgspec.Struct, tag_field="role", kw_only=True):
    content: str | list[Json] | None = None
    name: str | None = None

    def words(self) -> str:
        """Its text."""
        if isinstance(self.content, list):
            return "\n".join(part["text"] for part in self.content if isinstance(part.get("text"), str))
        return self.content or ""


class System(Said, tag="system"):
    pass


class Developer(Said, tag="developer"):
    pass


class User(Said, tag="user"):
    pass


class Assistant(Said, tag="assistant", kw_only=True):
    tool_calls: list[Call] | None = None


class ToolSaid(Said, tag="tool", kw_only=True):
    tool_call_id: str


Message = System | Developer | User | Assistant | ToolSaid


class StreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    include_usage: bool = False
    include_obfuscation: bool = False


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    model: str
    messages: list[Message]
    tools: list[Tool] | None = None
    tool_choice: str | Json | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Json | None = None
    logprobs: bool | None = None
    metadata: dict[str, str] | None = None
    n: int | None = None
    parallel_tool_calls: bool | None = None
    prediction: Json | None = None
    presence_penalty: float | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Json | None = None
    prompt_cache_retention: str | None = None
    reasoning_effort: str | None = None
    response_format: Json | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: str | None = None
    stop: str | list[str] | None = None
    store: bool | None = None
    top_logprobs: int | None = None
    user: str | None = None
    verbosity: str | None = None
