"""Requests as tests make them. Job: short ways to say them. Not its job: what is checked."""

from __future__ import annotations

from typing import Any

import msgspec

from ezaigents.simulate.asked import Asked, Dialect
from ezaigents.simulate.wire.chat import Chat
from ezaigents.simulate.wire.messages import Messages
from ezaigents.simulate.wire.responses import Responses

TOOL = {"name": "read", "description": "Read a file.", "input_schema": {"type": "object"}}
CLAUDE: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}
GPT: dict[str, Any] = {"model": "gpt-6.1-sol", "input": "hello", "store": False}
CHAT: dict[str, Any] = {"model": "deepseek-flash", "messages": [{"role": "user", "content": "hello"}]}
HEADERS = {"anthropic-version": "2023-06-01"}


def asked(prompt: str = "hello", *, step: int = 0, results: tuple[str, ...] = (), **fields: Any) -> Asked:
    """A request with this prompt."""
    given = {"dialect": Dialect.MESSAGES, "model": "claude-sonnet-5-5", **fields}
    return Asked(prompt=prompt, step=step, results=results, **given)


def read_claude(**fields: Any) -> Asked:
    """Read a Messages request: CLAUDE with these fields; None takes one away."""
    return Messages().read(_body(CLAUDE, fields), HEADERS)


def read_gpt(**fields: Any) -> Asked:
    """Read a Responses request: GPT with these fields; None takes one away."""
    return Responses().read(_body(GPT, fields), {})


def read_chat(**fields: Any) -> Asked:
    """Read a Chat Completions request: CHAT with these fields; None takes one away."""
    return Chat().read(_body(CHAT, fields), {})


def _body(base: dict[str, Any], fields: dict[str, Any]) -> bytes:
    return msgspec.json.encode({name: value for name, value in (base | fields).items() if value is not None})
