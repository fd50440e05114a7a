"""Anthropic Messages, the request. Job: its record and the checks that the real one makes. Not its job: the answer."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from ezaigents.simulate.asked import Asked, Dialect, Refused
from ezaigents.simulate.wire.checking import Misfit, Why, fit, plain_object
from ezaigents.simulate.wire.form import piece_of, seal
from ezaigents.simulate.wire.messages_body import Body, Content, Json, Message, Result, Sealed, Text, Thinking, Use

_CACHE_MARKS_MOST = 4
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}\Z")
_GENERATION = re.compile(r"claude-[a-z]+-(\d{1,2})(?:-(\d{1,2}))?(?:-|\Z)")


def read_messages(body: bytes) -> Asked:
    """Check a request and say what it asks. Raises Refused."""
    plain = plain_object(body)
    try:
        asked = fit(plain, Body)
    except Misfit as misfit:
        raise _refused(misfit) from None
    _check_settings(asked)
    _check_marks(asked)
    _check_tools(asked)
    _check_turns(asked)
    _check_thoughts(asked)
    return _asked(asked, plain)


def _refused(misfit: Misfit) -> Refused:
    words = {Why.MISSING: "Field required", Why.UNKNOWN: "Extra inputs are not permitted"}
    said = words.get(misfit.why, misfit.message)
    return Refused(400, f"{misfit.path}: {said}" if misfit.path else said)


def _generation(model: str) -> tuple[int, int]:
    """The version in a model's name; (0, 0) where there is none."""
    found = _GENERATION.match(model)
    return (int(found.group(1)), int(found.group(2) or 0)) if found else (0, 0)


def _check_settings(body: Body) -> None:
    generation = _generation(body.model)
    if body.max_tokens < 1:
        raise Refused(400, "max_tokens: Input should be greater than or equal to 1")
    if generation >= (5, 0):
        for name, value, usual in (("temperature", body.temperature, 1), ("top_p", body.top_p, 1)):
            if value is not None and value != usual:
                raise Refused(400, f"{name}: only the default is supported by {body.model}")
        if body.top_k is not None:
            raise Refused(400, f"top_k: not supported by {body.model}")
        if body.thinking is not None and body.thinking.get("type") == "enabled":
            raise Refused(400, f'thinking: "thinking.type.enabled" is not supported by {body.model}; use "adaptive"')
    forced = (body.tool_choice or {}).get("type") in ("any", "tool")
    if forced and generation >= (5, 5) and "sonnet" in body.model:
        raise Refused(400, f"tool_choice: forced tool use is not supported by {body.model}")


def _check_marks(body: Body) -> None:
    blocks: list[Any] = [*body.tools, *(body.system if isinstance(body.system, list) else [])]
    blocks += [block for message in body.messages for block in message.blocks()]
    marks = [found for found in (body.cache_control, *(block.cache_control for block in blocks)) if found is not None]
    if len(marks) > _CACHE_MARKS_MOST:
        raise Refused(400, f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}.")
    for mark in marks:
        if mark.get("type") != "ephemeral" or mark.get("ttl", "5m") not in ("5m", "1h"):
            raise Refused(400, "cache_control: type must be 'ephemeral', and ttl '5m' or '1h'")


def _check_tools(body: Body) -> None:
    names = [tool.name for tool in body.tools]
    for number, tool in enumerate(body.tools):
        if not _NAME.match(tool.name):
            raise Refused(400, f"tools.{number}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if tool.input_schema.get("type") != "object":
            raise Refused(400, f"tools.{number}.input_schema.type: Input should be 'object'")
    if len(set(names)) < len(names):
        raise Refused(400, "tools: Tool names must be unique.")
    if body.tool_choice is not None and not names:
        raise Refused(400, "tool_choice may only be specified while providing tools.")


def _check_turns(body: Body) -> None:
    if not body.messages:
        raise Refused(400, "messages: at least one message is required")
    if body.messages[0].role != "user":
        raise Refused(400, 'messages: first message must use the "user" role')
    if isinstance(body.system, list) and not all(block.text for block in body.system):
        raise Refused(400, "system: text content blocks must be non-empty")
    waiting: set[str] = set()
    for number, message in enumerate(body.messages):
        waiting = _check_turn(number, message, waiting)
    if body.messages[-1].role == "assistant":
        raise Refused(
            400, "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _check_turn(number: int, message: Message, waiting: set[str]) -> set[str]:
    """Check one message; `waiting`: the calls of the one before it. Returns the calls of this one."""
    blocks = message.blocks()
    if not blocks:
        raise Refused(400, f"messages.{number}: all messages must have non-empty content")
    if any(isinstance(block, Text) and not block.text for block in blocks):
        raise Refused(400, f"messages.{number}: text content blocks must be non-empty")
    if any(isinstance(block, Text) and not block.text.strip() for block in blocks):
        raise Refused(400, f"messages.{number}: text content blocks must contain non-whitespace text")
    if isinstance(blocks[-1], Thinking | Sealed):
        raise Refused(400, f"messages.{number}: The final block in an assistant message cannot be `thinking`.")
    results = [block.tool_use_id for block in blocks if isinstance(block, Result)]
    for found in results:
        if found not in waiting:
            raise Refused(
                400,
                f"messages.{number}.content: unexpected `tool_use_id` found in `tool_result` blocks: {found}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
            )
    if left := sorted(waiting - set(results)):
        raise Refused(
            400,
            f"messages.{number - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(left)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
            "message.",
        )
    if len(set(results)) < len(results):
        raise Refused(400, f"messages.{number}: each tool_use must have a single result")
    if results and not all(isinstance(block, Result) for block in blocks[: len(results)]):
        raise Refused(400, f"messages.{number}: tool_result blocks must come first in the content")
    uses = [block.id for block in blocks if isinstance(block, Use)]
    if uses and message.role == "user":
        raise Refused(400, f"messages.{number}: `tool_use` blocks can only be in `assistant` messages")
    if len(set(uses)) < len(uses):
        raise Refused(400, f"messages.{number}: `tool_use` ids must be unique")
    return set(uses)


def _check_thoughts(body: Body) -> None:
    for number, message in enumerate(body.messages):
        for place, block in enumerate(message.blocks()):
            if isinstance(block, Thinking) and block.signature != seal(body.model, block.thinking):
                raise Refused(400, f"messages.{number}.content.{place}: Invalid `signature` in `thinking` block")


def _asked(body: Body, plain: Json) -> Asked:
    prefix, marked = _prefix(plain)
    everything = body.cache_control is not None
    return Asked(
        dialect=Dialect.MESSAGES,
        model=body.model,
        prompt=_words(body.messages[0].blocks()),
        step=_assistant_turns(body.messages),
        results=tuple(_results(body.messages)),
        tools=frozenset(tool.name for tool in body.tools),
        stream=body.stream,
        max_tokens=body.max_tokens,
        prefix=prefix,
        cacheable=len(prefix) if everything else marked,
        long_cached=(body.cache_control or {}).get("ttl") == "1h",
    )


def _prefix(plain: Json) -> tuple[tuple[bytes, ...], int]:
    """The request's pieces: tools, system, content; and how many of them lie before the last mark."""
    system = plain.get("system") or []
    parts: list[Any] = [*(plain.get("tools") or []), *([system] if isinstance(system, str) else system)]
    for message in plain["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        parts += [{"role": message["role"], **block} for block in blocks]
    marked = [place for place, part in enumerate(parts, 1) if isinstance(part, dict) and part.get("cache_control")]
    return tuple(map(piece_of, parts)), max(marked, default=0)


def _assistant_turns(messages: list[Message]) -> int:
    """How often the assistant had its turn: messages of one role in a row are one turn."""
    roles = ["user", *(message.role for message in messages)]
    return sum(now == "assistant" and before == "user" for before, now in pairwise(roles))


def _words(blocks: list[Content]) -> str:
    return "\n".join(block.text for block in blocks if isinstance(block, Text))


def _results(messages: list[Message]) -> list[str]:
    found = [block for message in messages for block in message.blocks() if isinstance(block, Result)]
    return [
        block.content
        if isinstance(block.content, str)
        else "\n".join(one.text for one in block.content if isinstance(one, Text))
        for block in found
    ]
