"""What we send is what the providers' own libraries would send, and what their types allow."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from anthropic.types import MessageParam, TextBlockParam, ToolChoiceParam, ToolParam
from anthropic.types.message_create_params import MessageCreateParamsBase
from openai.types.chat import (
    ChatCompletionMessageParam,
    ChatCompletionToolChoiceOptionParam,
    ChatCompletionToolParam,
)
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.responses import FunctionToolParam, ResponseInputItemParam
from openai.types.responses.response_create_params import ResponseCreateParamsBase, ToolChoice
from pydantic import TypeAdapter
from tests.contract.dialects.asking import BARE, ROUTE, full
from tests.contract.dialects.oracle import Wire, anthropic_client, openai_client
from tests.contract.dialects.samples import ANTHROPIC, CHAT, REASONING, RESPONSES, SIGNED, opaque

from ezaigents.providers.dialects import Effort, Quirks, dialect
from ezaigents.providers.transcript import Request, Thinking, ToolUse

_QUIRKS = Quirks(effort=Effort.THINKING, cache_key=True, output_limit_field="max_completion_tokens")
_FIRST_VERSION = {"anthropic-version": "2023-06-01", "x-api-key": "k"}
"""The library asks for the version after it, and sends its key as a bearer's. Gateways that speak this dialect know the
older form; the newer one refuses only fields that are never sent here."""
_ANSWERS = {"anthropic": ANTHROPIC, "responses": RESPONSES, "chat": CHAT}


def body(name: str, request: Request) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(dialect(name).body(request, _QUIRKS, route=ROUTE))
    return sent


def requests(name: str) -> list[Request]:
    kept = {"anthropic": SIGNED, "responses": REASONING}.get(name)
    whole = full(*([Thinking(model=ROUTE, opaque=opaque(kept))] if kept else []))
    chosen = [msgspec.structs.replace(full(), tool_use=use, tool="read") for use in ToolUse]
    return [BARE, full(), whole, *chosen]


def _fits(kind: Any, value: Any) -> None:
    """Check a value against a library's type, inside its lazy iterables too: it is taken, and nothing of it is lost."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    assert _whole(adapter.validate_python(value)) == value


def _whole(value: Any) -> Any:
    """A validated value with its iterators, which validate as they go, run to their end."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    return value if isinstance(value, str) or not isinstance(value, Iterable) else [_whole(inner) for inner in value]


@pytest.mark.parametrize("name", ["anthropic", "responses", "chat"])
def test_the_library_would_send_the_same(name: str) -> None:
    """The same path, body and headers of authentication; the library adds nothing that ours lacks."""
    sample = next(sample for sample in _ANSWERS[name] if not sample.stream)
    for request in requests(name):
        sent = body(name, request)
        asked = {**sent, "stream": False} if sent.pop("stream", False) else sent
        asked.pop("stream_options", None)
        wire = Wire(sample.body, stream=False)
        if name == "anthropic":
            with anthropic_client(wire) as anthropic:
                anthropic.messages.create(**asked)
            wire.headers |= _FIRST_VERSION
        else:
            with openai_client(wire) as openai:
                create = openai.responses.create if name == "responses" else openai.chat.completions.create
                create(**asked)
        assert wire.body == asked
        base = "" if name == "anthropic" else "/v1"
        assert wire.path == base + dialect(name).path
        ours = dialect(name).headers("k")
        assert {header: wire.headers[header] for header in ours} == ours


def test_messages_fit_anthropics_types() -> None:
    """Every field, block and tool is one that the library's types know."""
    for request in requests("anthropic"):
        sent = body("anthropic", request)
        assert set(sent) - {"stream"} <= set(MessageCreateParamsBase.__annotations__)
        _fits(list[MessageParam], sent["messages"])
        _fits(list[ToolParam], sent.get("tools", []))
        _fits(list[TextBlockParam], sent.get("system", []))
        _fits(ToolChoiceParam | None, sent.get("tool_choice"))


def test_items_fit_openais_types() -> None:
    """Every field, item and tool is one that the library's types know."""
    for request in requests("responses"):
        sent = body("responses", request)
        assert set(sent) - {"stream"} <= set(ResponseCreateParamsBase.__annotations__)
        _fits(list[ResponseInputItemParam], sent["input"])
        _fits(list[FunctionToolParam], sent.get("tools", []))
        _fits(ToolChoice | None, sent.get("tool_choice"))


def test_chat_messages_fit_openais_types() -> None:
    """Every field, message and tool is one that the library's types know."""
    for request in requests("chat"):
        sent = body("chat", request)
        assert set(sent) - {"stream"} <= set(CompletionCreateParamsBase.__annotations__)
        _fits(list[ChatCompletionMessageParam], sent["messages"])
        _fits(list[ChatCompletionToolParam], sent.get("tools", []))
        _fits(ChatCompletionToolChoiceOptionParam | None, sent.get("tool_choice"))
