"""Anthropic Messages: what comes back.

Job: a message, streamed or not, to a Reply. Not its job: requests (anthropic). Blocks of kinds that are not known here
are left out of the Reply; events of such kinds are passed over.
"""

from __future__ import annotations

import msgspec

from ezaigents.providers.dialects.call_ids import told_apart
from ezaigents.providers.dialects.failures import failure_within
from ezaigents.providers.dialects.reading import bounded, broken
from ezaigents.providers.dialects.sse import Event
from ezaigents.providers.dialects.wire import Garbled, argument_text, decoded, raw_text, tokens
from ezaigents.providers.transcript import Part, Reply, Stop, Text, Thinking, ToolCall
from ezaigents.records import Usage

_NONE = msgspec.Raw(b"")
_THINKING = {"thinking", "redacted_thinking"}
_STOPS = {
    "end_turn": Stop.END,
    "stop_sequence": Stop.END,
    "tool_use": Stop.TOOLS,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "pause_turn": Stop.LENGTH,  # it means to go on when it is asked again, as after `max_tokens`
    "refusal": Stop.REFUSAL,
}


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Block(msgspec.Struct):
    """A block as it stands in the message, and as its event begins it."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _NONE


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    content: list[msgspec.Raw] | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = _NONE


class _Delta(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Step(msgspec.Struct):
    """Any event of a stream."""

    type: str = ""
    index: int = -1
    message: _Message | None = None
    content_block: msgspec.Raw = _NONE
    delta: _Delta | None = None
    usage: _Usage | None = None


def read_answer(body: bytes, route: str) -> Reply:
    """Read a message that was not streamed. Raises CallFailed."""
    try:
        message = decoded(bounded(body), _Message)
        if bytes(message.error) not in {b"", b"null"}:
            raise failure_within(decoded(body, object), started=False, usage=None)
        if message.content is None:
            raise Garbled("it has no `content`")
        parts = [part for raw in message.content if (part := _part(decoded(bytes(raw), _Block), raw, route))]
    except Garbled as error:
        raise broken(str(error)) from error
    return _reply(message, parts, route, _used(None, message.usage))


def _reply(message: _Message, parts: list[Part], route: str, usage: Usage | None) -> Reply:
    """Put it together. A reason that is not known is read from what was said."""
    seed = message.id or ""
    calls = iter(told_apart((part for part in parts if isinstance(part, ToolCall)), seed))
    whole = tuple(next(calls) if isinstance(part, ToolCall) else part for part in parts)
    asks = any(isinstance(part, ToolCall) for part in whole)
    stop = _STOPS.get(message.stop_reason or "") or (Stop.TOOLS if asks else Stop.END)
    return Reply(id=seed, route=route, model=message.model or "", parts=whole, stop=stop, usage=usage)


def _part(block: _Block, raw: msgspec.Raw, route: str) -> Part | None:
    if block.type == "text":
        return Text(block.text) if block.text else None
    if block.type == "tool_use":
        return ToolCall(id=block.id or "", name=block.name or "", arguments=argument_text(block.input) or "{}")
    if block.type in _THINKING:
        return _thinking(block, raw_text(raw), route)
    return None


def _thinking(block: _Block, opaque: str, route: str) -> Thinking:
    """Without a signature (cut off, or a server that has none) the block cannot be sent back: only its text is kept."""
    signed = block.type != "thinking" or block.signature
    return Thinking(model=route, text=block.thinking or "", opaque=opaque if signed else "")


def _used(before: Usage | None, said: _Usage | None) -> Usage | None:
    """What is used by now: counts are sums up to here, and one that is not said again stays."""
    if said is None:
        return before
    known = before or Usage()
    details = said.output_tokens_details
    reasoning = details.thinking_tokens if details else None
    return Usage(
        input=known.input if said.input_tokens is None else tokens(said.input_tokens),
        cache_read=known.cache_read if said.cache_read_input_tokens is None else tokens(said.cache_read_input_tokens),
        cache_write=(
            known.cache_write if said.cache_creation_input_tokens is None else tokens(said.cache_creation_input_tokens)
        ),
        output=known.output if said.output_tokens is None else tokens(said.output_tokens),
        reasoning=known.reasoning if reasoning is None else tokens(reasoning),
    )


class _Open:
    """A block that is being said. `raw`: as its event began it."""

    def __init__(self, raw: msgspec.Raw) -> None:
        self.ended = False
        self._raw = raw
        self._block = decoded(bytes(raw), _Block)
        self._said: dict[str, list[str]] = {}

    @property
    def first_text(self) -> str:
        """What of its beginning is visible."""
        return (self._block.text or "") if self._block.type == "text" else ""

    def add(self, delta: _Delta) -> str:
        """Take a piece; give what of it is visible."""
        if self.ended:
            raise Garbled("a block went on after its end")
        for name in ("text", "thinking", "signature", "partial_json"):
            if piece := getattr(delta, name):
                self._said.setdefault(name, []).append(piece)
        return (delta.text or "") if self._block.type == "text" else ""

    def part(self, route: str) -> Part | None:
        """The block as it is at its end."""
        arguments = self._joined(None, "partial_json")
        if self._block.type == "tool_use" and arguments:
            return ToolCall(id=self._block.id or "", name=self._block.name or "", arguments=arguments)
        block = msgspec.structs.replace(
            self._block,
            text=self._joined(self._block.text, "text"),
            thinking=self._joined(self._block.thinking, "thinking"),
            signature=self._joined(self._block.signature, "signature"),
        )
        return _part(block, self._as_whole(block), route)

    def _joined(self, first: str | None, name: str) -> str:
        return "".join((first or "", *self._said.get(name, ())))

    def _as_whole(self, block: _Block) -> msgspec.Raw:
        """The block as it would stand in a message, fields that are not known here with it."""
        if block.type != "thinking":
            return self._raw
        fields = decoded(bytes(self._raw), dict[str, object])
        fields |= {"thinking": block.thinking, "signature": block.signature}
        return msgspec.Raw(msgspec.json.encode(fields))


class AnthropicAssembly:
    """A streamed message on its way."""

    def __init__(self, route: str) -> None:
        self.usage: Usage | None = None
        self._route = route
        self._message: _Message | None = None
        self._blocks: dict[int, _Open] = {}
        self._ended = False

    def take(self, event: Event) -> str:
        if self._ended or not event.data:
            return ""
        if event.name == b"error":
            raise failure_within(decoded(event.data, object), started=self._message is not None, usage=self.usage)
        step = decoded(event.data, _Step)
        match step.type:
            case "error":
                raise failure_within(decoded(event.data, object), started=self._message is not None, usage=self.usage)
            case "message_start":
                self._start(step)
            case "content_block_start":
                return self._open(step).first_text
            case "content_block_delta":
                return self._block(step).add(step.delta or _Delta())
            case "content_block_stop":
                self._block(step).ended = True
            case "message_delta":
                self._end(step)
            case "message_stop":
                self._ended = True
        return ""

    def _start(self, step: _Step) -> None:
        if self._message or step.message is None:
            raise Garbled("a second message began, or one without its fields")
        self._message = step.message
        self.usage = _used(None, step.message.usage)

    def _open(self, step: _Step) -> _Open:
        if self._message is None or step.index in self._blocks:
            raise Garbled("a block began twice, or before its message")
        return self._blocks.setdefault(step.index, _Open(step.content_block))

    def _block(self, step: _Step) -> _Open:
        if step.index not in self._blocks:
            raise Garbled("a block went on that never began")
        return self._blocks[step.index]

    def _end(self, step: _Step) -> None:
        self.usage = _used(self.usage, step.usage)
        if self._message and step.delta and step.delta.stop_reason:
            self._message.stop_reason = step.delta.stop_reason

    def whole(self) -> Reply:
        if not self._ended or self._message is None:
            raise Garbled("it broke off before `message_stop`")
        if not self._message.stop_reason or not all(block.ended for block in self._blocks.values()):
            raise Garbled("it ended without its stop reason, or in the middle of a block")
        parts = [part for _, block in sorted(self._blocks.items()) if (part := block.part(self._route))]
        return _reply(self._message, parts, self._route, self.usage)
