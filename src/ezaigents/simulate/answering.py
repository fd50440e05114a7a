"""The answer to one request. Job: the move after what befell it, within its output limit. Not its job: sending it."""

from __future__ import annotations

import secrets

import msgspec

from ezaigents.clock import Clock
from ezaigents.simulate.asked import Answer, Asked, Call, Dialect, Move, Refused, Spent, Stop
from ezaigents.simulate.counting import PromptCache, output_bytes
from ezaigents.simulate.faults import Fault, Reply, UsageSaid
from ezaigents.simulate.wire import Wire

_BYTES_PER_TOKEN = 4
_HUGE_TOKENS = 10**15
_REFUSAL = "simulated: the model refuses"
_PREFIXES = {Dialect.MESSAGES: "msg_", Dialect.RESPONSES: "resp_", Dialect.CHAT: "chatcmpl-"}
_WORDS = {
    400: "simulated: bad request",
    401: "simulated: invalid API key",
    402: "simulated: your credit balance is too low",
    403: "simulated: your key has no permission for this",
    404: "simulated: not found",
    429: "simulated: too many requests",
    500: "simulated: internal server error",
    502: "simulated: bad gateway",
    503: "simulated: service unavailable",
    529: "simulated: overloaded",
}


def new_id(dialect: Dialect) -> str:
    """An id in the provider's style."""
    return _PREFIXES[dialect] + secrets.token_hex(12)


def refusal(fault: Fault, asked: Asked, context_tokens: int) -> Refused:
    """The failure that a fault with a status asks for."""
    said = _WORDS.get(fault.status, f"simulated: status {fault.status}")
    if fault.reason == "spend_limit":
        said = "You have reached your specified API usage limits. You will regain access on the 1st of next month."
    elif fault.reason == "too_long":
        return too_long(asked, context_tokens + 1, context_tokens)
    elif fault.reason == "unknown_model":
        return unknown_model(asked)
    headers = (("retry-after", str(fault.retry_after)),) if fault.retry_after != "" else ()
    return Refused(fault.status, said, kind=fault.reason, headers=headers)


def too_long(asked: Asked, tokens: int, most: int) -> Refused:
    """More input than the model takes."""
    if asked.dialect is Dialect.MESSAGES:
        return Refused(400, f"prompt is too long: {tokens} tokens > {most} maximum", kind="too_long")
    said = f"This model's maximum context length is {most} tokens. However, your messages resulted in {tokens} tokens."
    return Refused(400, said, kind="too_long", param="input" if asked.dialect is Dialect.RESPONSES else "messages")


def unknown_model(asked: Asked) -> Refused:
    """There is no such model."""
    if asked.dialect is Dialect.MESSAGES:
        return Refused(404, f"model: {asked.model}", kind="unknown_model")
    said = f"The model `{asked.model}` does not exist or you do not have access to it."
    return Refused(404, said, kind="unknown_model", param="model")


def answer(
    reply_id: str, asked: Asked, move: Move, fault: Fault, wire: Wire, cache: PromptCache, clock: Clock
) -> Answer:
    """Make the answer: the rule's move, or what the fault makes of it."""
    move = _within(_befallen(move, asked, fault), asked.max_tokens)
    spent = cache.spend(asked, move, wire.cache_step_tokens())
    return Answer(id=reply_id, created_s=clock.wall_ms() // 1000, move=move, spent=_said(spent, fault.usage))


def _befallen(move: Move, asked: Asked, fault: Fault) -> Move:
    if fault.text:
        move = Move(text=fault.text)
    if fault.argument_bytes:
        name = move.calls[0].name if move.calls else next(iter(sorted(asked.tools)), "note")
        call = Call(name=name, arguments={"text": "x" * fault.argument_bytes})
        move = msgspec.structs.replace(move, calls=(call,), stop=Stop.TOOLS)
    if fault.reply is Reply.REFUSAL:
        return Move(text=_REFUSAL, stop=Stop.REFUSAL)
    if fault.reply is Reply.EMPTY:
        return Move()
    if fault.reply is Reply.CUT:
        return _shortened(move, output_bytes(move) // 2)
    return move


def _within(move: Move, max_tokens: int) -> Move:
    """What fits into the output limit."""
    most_bytes = max_tokens * _BYTES_PER_TOKEN
    return _shortened(move, most_bytes) if max_tokens and output_bytes(move) > most_bytes else move


def _shortened(move: Move, left: int) -> Move:
    """Cut off after `left` bytes, in the middle of a word or of an argument."""
    thinking = _head(move.thinking, left)
    left -= len(thinking.encode())
    text = _head(move.text, left)
    left -= len(text.encode())
    calls = []
    for call in move.calls:
        left -= len(call.name)
        if left <= 0:
            break
        arguments = _head(call.text(), left)
        left -= len(arguments.encode())
        calls.append(Call(name=call.name, raw=arguments))
    return Move(thinking=thinking, text=text, calls=tuple(calls), stop=Stop.LENGTH)


def _head(text: str, size_bytes: int) -> str:
    return text.encode()[: max(0, size_bytes)].decode("utf-8", "ignore")


def _said(spent: Spent, said: UsageSaid | None) -> Spent | None:
    if said is UsageSaid.MISSING:
        return None
    if said is UsageSaid.ZERO:
        return Spent()
    return Spent(fresh=_HUGE_TOKENS, output=_HUGE_TOKENS) if said is UsageSaid.HUGE else spent
