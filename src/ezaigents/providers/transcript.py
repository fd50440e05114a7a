"""What is said between an agent and a model, in a form that no provider owns.

Job: the records that the loop builds, the journal keeps and a dialect turns into its own wire form and back, so that a
task can move to another provider in the middle. Not its job: any wire format (dialects), sending (caller).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ezaigents.records import Usage


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Words, of whoever's turn it is."""

    text: str


class Thinking(msgspec.Struct, frozen=True, tag="thinking", kw_only=True, omit_defaults=True):
    """What a model thought before it answered; means something only to the model that made it.

    `model`: `provider:model`; a dialect leaves the block out where it talks to another one. `text`: what may be shown,
    "" where the provider keeps it to itself. `opaque`: the provider's own block as JSON, sent back as it came.
    """

    model: str
    text: str = ""
    opaque: str = ""


class ToolCall(msgspec.Struct, frozen=True, tag="call", kw_only=True):
    """A model asks for a tool. `arguments`: the JSON text as it came, which may be no JSON at all."""

    id: str
    name: str
    arguments: str


class ToolResult(msgspec.Struct, frozen=True, tag="result", kw_only=True, omit_defaults=True):
    """What a tool answered. `call`: the id of its ToolCall. `failed`: it did not do what was asked."""

    call: str
    text: str
    failed: bool = False


Part = Text | Thinking | ToolCall | ToolResult


class Role(StrEnum):
    """Whose turn it is. What tools answer is said in the user's turn."""

    USER = "user"
    ASSISTANT = "assistant"


class Turn(msgspec.Struct, frozen=True):
    """One turn; turns alternate, the first is the user's. Results come first in a user's turn, before any text."""

    role: Role
    parts: tuple[Part, ...]


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as the model is told of it. `schema`: a JSON Schema object, as JSON text."""

    name: str
    description: str
    schema: str


class ToolUse(StrEnum):
    """Whether a model calls tools. `free`: as it likes. `some`: one of them at least. `named`: the request's `tool`."""

    FREE = "free"
    NONE = "none"
    SOME = "some"
    NAMED = "named"


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call. `model`: the provider's name for it; set by the caller from the route that is tried.

    `max_output_tokens`: thinking included. `cache_key`: the same for all calls that share a prefix, so that a provider
    sends them where that prefix is cached; "" = none. `effort`: low, medium or high, "" = the model's own. `tool_use`:
    some models refuse to be made to call a tool. `tag`: names the call in the log of a simulator; no provider is told
    it.
    """

    system: str
    turns: tuple[Turn, ...]
    tools: tuple[ToolSpec, ...] = ()
    tool_use: ToolUse = ToolUse.FREE
    tool: str = ""
    model: str = ""
    max_output_tokens: int = 8000
    effort: str = ""
    cache_key: str = ""
    tag: str = ""
    stream: bool = True


class Stop(StrEnum):
    """Why a model stopped. `end`: it had no more to say. `length`: cut off at the output limit, or by the window."""

    END = "end"
    TOOLS = "tools"
    LENGTH = "length"
    REFUSAL = "refusal"


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole answer. `route`: `provider:model` that was asked; `model`: what the provider says answered.

    `usage`: None where the provider said nothing of it. `simulated`: no model was asked, a simulator answered.
    """

    id: str
    route: str
    model: str
    parts: tuple[Part, ...]
    stop: Stop
    usage: Usage | None = None
    simulated: bool = False
