"""OpenAI Responses, the request. Job: its record and the checks that the real one makes. Not its job: the answer."""

from __future__ import annotations

from ezaigents.simulate.asked import Asked, Dialect, Refused
from ezaigents.simulate.wire.checking import Misfit, fit, plain_object
from ezaigents.simulate.wire.form import piece_of, seal
from ezaigents.simulate.wire.openai_rules import check_strict, check_tool_name, reasons, refused
from ezaigents.simulate.wire.responses_body import Body, Call, Item, Json, Message, Reasoning, Result

_OUTPUT_LEAST_TOKENS = 16
_SEALED = "reasoning.encrypted_content"
_PART_TYPES = {
    "assistant": ("output_text", "refusal"),
    "user": ("input_text", "input_image", "input_file"),
    "system": ("input_text", "input_image", "input_file"),
    "developer": ("input_text", "input_image", "input_file"),
}


def read_responses(body: bytes) -> Asked:
    """Check a request and say what it asks. Raises Refused."""
    plain = plain_object(body)
    items = plain.get("input")
    if isinstance(items, list):  # a message may leave its type out
        plain["input"] = [{"type": "message", **item} if isinstance(item, dict) else item for item in items]
    try:
        asked = fit(plain, Body)
    except Misfit as misfit:
        raise refused(misfit, "Unknown parameter: '{}'.") from None
    _check_settings(asked)
    if isinstance(asked.input, list):
        _check_items(asked.model, asked.input)
    return _asked(asked, plain)


def _check_settings(body: Body) -> None:
    if body.max_output_tokens is not None and body.max_output_tokens < _OUTPUT_LEAST_TOKENS:
        raise Refused(
            400,
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, "
            f"but got {body.max_output_tokens} instead.",
            param="max_output_tokens",
            code="integer_below_min_value",
        )
    for name, value in (("temperature", body.temperature), ("top_p", body.top_p)):
        if value is not None and reasons(body.model):
            raise Refused(400, f"Unsupported parameter: '{name}' is not supported with this model.", param=name)
    if body.previous_response_id is not None:
        raise Refused(
            400,
            f"Previous response with id '{body.previous_response_id}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    if body.background and not body.store:
        raise Refused(400, "Background responses need 'store' to be true.", param="background")
    for number, tool in enumerate(body.tools):
        check_tool_name(tool.name, f"tools[{number}].name")
        if tool.strict:
            check_strict(tool.name, tool.parameters or {}, f"tools[{number}].parameters")


def _check_items(model: str, items: list[Item]) -> None:
    if not items:
        raise Refused(400, "Invalid 'input': empty array. Expected an array with minimum length 1.", param="input")
    called: set[str] = set()
    answered: set[str] = set()
    for number, item in enumerate(items):
        if isinstance(item, Message):
            _check_parts(number, item)
        elif isinstance(item, Call):
            called.add(item.call_id)
        elif isinstance(item, Result):
            if item.call_id not in called:
                said = f"No tool call found for function call output with call_id {item.call_id}."
                raise Refused(400, said, param="input")
            answered.add(item.call_id)
        else:
            _check_reasoning(model, number, item, items[number + 1 :])
    if left := sorted(called - answered):
        raise Refused(400, f"No tool output found for function call {left[0]}.", param="input")


def _check_parts(number: int, message: Message) -> None:
    fitting = _PART_TYPES[message.role]
    for place, part in enumerate(message.content if isinstance(message.content, list) else ()):
        if part.get("type") not in fitting:
            raise Refused(
                400,
                f"Invalid value: '{part.get('type')}'. Supported values are: {', '.join(map(repr, fitting))}.",
                param=f"input[{number}].content[{place}]",
                code="invalid_value",
            )


def _check_reasoning(model: str, number: int, item: Reasoning, following: list[Item]) -> None:
    """Nothing is stored here, so a thought comes back sealed or not at all, and what it led to comes after it."""
    leads = following[:1]
    if not leads or isinstance(leads[0], Result) or (isinstance(leads[0], Message) and leads[0].role != "assistant"):
        said = f"Item '{item.id}' of type 'reasoning' was provided without its required following item."
        raise Refused(400, said, param="input")
    if item.encrypted_content is None:
        raise Refused(
            404,
            f"Item with id '{item.id}' not found. Items are not persisted when `store` is set to false. Try again with "
            "`store` set to true, or remove this item from your input.",
            param="input",
        )
    words = "\n".join(part["text"] for part in item.summary if isinstance(part.get("text"), str))
    if item.encrypted_content != seal(model, words):
        raise Refused(
            400,
            f"The encrypted content for item {item.id} could not be verified.",
            param=f"input[{number}]",
            code="invalid_encrypted_content",
        )


def _asked(body: Body, plain: Json) -> Asked:
    items: list[Item] = [Message(role="user", content=body.input)] if isinstance(body.input, str) else body.input
    prefix = _prefix(plain)
    users = (item for item in items if isinstance(item, Message) and item.role == "user")
    first = next(users, None)
    return Asked(
        dialect=Dialect.RESPONSES,
        model=body.model,
        prompt=first.words() if first else "",
        step=_assistant_turns(items),
        results=tuple(item.words() for item in items if isinstance(item, Result)),
        tools=frozenset(tool.name for tool in body.tools),
        stream=bool(body.stream),
        max_tokens=body.max_output_tokens or 0,
        prefix=prefix,
        cacheable=len(prefix),
        seals_thinking=_SEALED in (body.include or ()),
    )


def _prefix(plain: Json) -> tuple[bytes, ...]:
    given = plain["input"]
    items = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given
    parts = [*(plain.get("tools") or []), plain.get("instructions") or "", *items]
    return tuple(map(piece_of, parts))


def _assistant_turns(items: list[Item]) -> int:
    """How often the assistant had its turn: its items in a row are one turn."""
    turns, was_its_turn = 0, False
    for item in items:
        is_its_turn = item.role == "assistant" if isinstance(item, Message) else not isinstance(item, Result)
        turns += is_its_turn and not was_its_turn
        was_its_turn = is_its_turn
    return turns
