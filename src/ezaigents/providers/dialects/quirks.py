"""In what one endpoint differs from its dialect, as data. Job: the record that the catalogue fills. Not its job: rows.

The defaults suit an endpoint of which nothing is known: what some servers refuse is sent only where the catalogue asks.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec


class Effort(StrEnum):
    """How a request's effort is sent.

    `none`: not at all. `effort`: where the dialect has it (anthropic `output_config.effort`, responses
    `reasoning.effort`, chat `reasoning_effort`). `reasoning`: chat's as `reasoning.effort` (OpenRouter). `thinking`:
    anthropic's with `thinking.type = adaptive` beside it.
    """

    NONE = "none"
    EFFORT = "effort"
    REASONING = "reasoning"
    THINKING = "thinking"


class Quirks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to mind with one endpoint.

    All dialects. `refuses`: names of body fields never to send. `extra`: body fields to add; they win over ours.
    `effort`: how it is sent. `keeps_thinking`: thinking that has no signature of the provider's is sent back too (chat:
    as `reasoning_content`; anthropic: with an empty signature; responses: reasoning that is not encrypted).
    Anthropic. `caching`: cache breakpoints are set.
    Responses and chat. `cache_key`: the request's cache key is sent.
    Chat. `output_limit_field`, `system_role`: their names. `stream_usage`: usage is asked for when streaming.
    `short_call_ids`: ids of calls have nine letters and digits (Mistral). `user_after_tool`: a user may speak right
    after a tool; else the words go to the end of its result (Mistral). `unsigned_call`: fields added to calls of tools
    that another model made (Gemini wants a signature on them).
    """

    output_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    system_role: Literal["system", "developer"] = "system"
    stream_usage: bool = True
    effort: Effort = Effort.NONE
    refuses: tuple[str, ...] = ()
    cache_key: bool = False
    caching: bool = True
    keeps_thinking: bool = False
    short_call_ids: bool = False
    user_after_tool: bool = True
    unsigned_call: dict[str, object] = msgspec.field(default_factory=dict)
    extra: dict[str, object] = msgspec.field(default_factory=dict)
