"""Chat Completions, the request. Job: its record and the checks that OpenAI makes. Not its job: the answer."""

from __future__ import annotations

from ezaigents.simulate.asked import Asked, Dialect, Refused
from ezaigents.simulate.wire.chat_body import Assistant, Body, Json, Message, ToolSaid, User
from ezaigents.simulate.wire.chat_others import check_gemini, check_mistral, is_gemini, is_mistral
from ezaigents.simulate.wire.checking import Misfit, fit, plain_object
from ezaigents.simulate.wire.form import piece_of
from ezaigents.simulate.wire.openai_rules import check_strict, check_tool_name, reasons, refused

_OTHERS = frozenset({
    "cache_control", "chat_template_kwargs", "extra_body", "frequency_penalty", "keep_alive", "min_p", "options",
    "provider", "random_seed", "reasoning", "repetition_penalty", "route", "safe_prompt", "thinking", "top_k",
    "transforms", "usage", "web_search_options",
})  # fmt: skip
"""Parameters of providers that follow OpenAI; OpenAI itself refuses them."""


def read_chat(body: bytes) -> Asked:
    """Check a request and say what it asks. Raises Refused."""
    plain = plain_object(body)
    kept = plain
    if not reasons(str(plain.get("model"))):
        kept = {name: value for name, value in plain.items() if name not in _OTHERS}
    try:
        asked = fit(kept, Body)
    except Misfit as misfit:
        raise refused(misfit, "Unrecognized request argument supplied: {}") from None
    _check_settings(asked)
    _check_messages(asked.messages)
    if is_mistral(asked.model):
        check_mistral(asked.messages)
    if is_gemini(asked.model):
        check_gemini(asked.messages)
    return _asked(asked, plain)


def _check_settings(body: Body) -> None:
    if reasons(body.model):
        if body.max_tokens is not None:
            raise Refused(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                param="max_tokens",
                code="unsupported_parameter",
            )
        for name, value in (("temperature", body.temperature), ("top_p", body.top_p)):
            if value is not None and value != 1:
                said = f"Unsupported value: '{name}' does not support {value} with this model. Only the default (1) is."
                raise Refused(400, said, param=name, code="unsupported_value")
    if body.stream_options is not None and not body.stream:
        said = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(400, said, param="stream_options")
    if body.tool_choice is not None and not body.tools:
        raise Refused(400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if body.tools == []:
        raise Refused(400, "Invalid 'tools': empty array. Expected an array with minimum length 1.", param="tools")
    for number, tool in enumerate(body.tools or ()):
        check_tool_name(tool.function.name, f"tools[{number}].function.name")
        if tool.function.strict:
            check_strict(tool.function.name, tool.function.parameters or {}, f"tools[{number}].function.parameters")


def _check_messages(messages: list[Message]) -> None:
    if not messages:
        raise Refused(
            400, "Invalid 'messages': empty array. Expected an array with minimum length 1.", param="messages"
        )
    waiting: set[str] = set()
    was_called = False
    for number, message in enumerate(messages):
        if isinstance(message, ToolSaid):
            _check_result(number, message, waiting, was_called)
            waiting.discard(message.tool_call_id)
            continue
        _check_answered(waiting, number)
        calls = (message.tool_calls or ()) if isinstance(message, Assistant) else ()
        waiting, was_called = {call.id for call in calls}, bool(calls)
        if message.content is None and not calls:
            raise Refused(
                400, "Invalid value for 'content': expected a string, got null.", param=f"messages.[{number}].content"
            )
    _check_answered(waiting, len(messages))


def _check_result(number: int, message: ToolSaid, waiting: set[str], was_called: bool) -> None:
    if not was_called or message.tool_call_id not in waiting:
        raise Refused(
            400,
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
            param=f"messages.[{number}].role",
        )


def _check_answered(waiting: set[str], number: int) -> None:
    if waiting:
        raise Refused(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(sorted(waiting))}",
            param=f"messages.[{number}].role",
        )


def _asked(body: Body, plain: Json) -> Asked:
    first = next((message for message in body.messages if isinstance(message, User)), None)
    prefix = tuple(map(piece_of, [*(plain.get("tools") or []), *plain["messages"]]))
    return Asked(
        dialect=Dialect.CHAT,
        model=body.model,
        prompt=first.words() if first else "",
        step=_assistant_turns(body.messages),
        results=tuple(message.words() for message in body.messages if isinstance(message, ToolSaid)),
        tools=frozenset(tool.function.name for tool in body.tools or ()),
        stream=bool(body.stream),
        max_tokens=body.max_completion_tokens or body.max_tokens or 0,
        prefix=prefix,
        cacheable=len(prefix),
        tells_usage=_tells_usage(body),
    )


def _tells_usage(body: Body) -> bool:
    """In a stream OpenAI says what it used only when asked to; Mistral always does."""
    asked_to = body.stream_options is not None and body.stream_options.include_usage
    return asked_to or not body.stream or is_mistral(body.model)


def _assistant_turns(messages: list[Message]) -> int:
    """How often the assistant had its turn: its messages in a row are one turn."""
    turns, was_its_turn = 0, False
    for message in messages:
        is_its_turn = isinstance(message, Assistant)
        turns += is_its_turn and not was_its_turn
        was_its_turn = is_its_turn
    return turns
