"""What those who follow OpenAI do in their own way. Job: checks and marks of Mistral and Gemini, by model name."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from ezaigents.simulate.asked import Refused
from ezaigents.simulate.wire.chat_body import Assistant, Call, Message, ToolSaid, User

_MISTRAL = ("mistral", "ministral", "codestral", "devstral", "magistral")
_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}\Z")
SKIP_SIGNATURE = "skip_thought_signature_validator"
"""What Gemini takes in place of the signature of a call that another model made."""


def is_mistral(model: str) -> bool:
    """Say whether a model is one of Mistral's."""
    return model.startswith(_MISTRAL)


def is_gemini(model: str) -> bool:
    """Say whether a model is one of Google's."""
    return model.startswith("gemini")


def check_mistral(messages: list[Message]) -> None:
    """Short ids only, and no user right after a tool. Raises Refused."""
    was_tool = False
    for message in messages:
        if was_tool and isinstance(message, User):
            raise Refused(400, "Unexpected role 'user' after role 'tool'", code="3230")
        was_tool = isinstance(message, ToolSaid)
        ids = [call.id for call in (message.tool_calls or ())] if isinstance(message, Assistant) else []
        ids += [message.tool_call_id] if isinstance(message, ToolSaid) else []
        for found in ids:
            if not _SHORT_ID.match(found):
                said = f"Tool call id was {found} but must be a-z, A-Z, 0-9, with a length of 9."
                raise Refused(400, said, code="3280")


def check_gemini(messages: list[Message]) -> None:
    """The first call of each turn carries its signature. Raises Refused."""
    for number, message in enumerate(messages):
        calls = (message.tool_calls or ()) if isinstance(message, Assistant) else ()
        if calls and _signature_of(calls[0]) not in (signature(calls[0].function.name), SKIP_SIGNATURE):
            said = f"Function call is missing a thought_signature in functionCall parts, position {number}."
            raise Refused(400, said)


def short_id(reply_id: str, number: int) -> str:
    """A call's id as Mistral makes them."""
    return hashlib.sha256(f"{reply_id} {number}".encode()).hexdigest()[:9]


def signature(name: str) -> str:
    """What binds a call of a tool to the thought behind it, as Gemini signs it."""
    return f"sim-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def signed(name: str) -> dict[str, Any]:
    """The fields that carry it."""
    return {"extra_content": {"google": {"thought_signature": signature(name)}}}


def _signature_of(call: Call) -> object:
    google = (call.extra_content or {}).get("google")
    return google.get("thought_signature") if isinstance(google, dict) else None
