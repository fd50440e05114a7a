"""OpenAI Responses: what comes back.

Job: a response, streamed or not, to a Reply. Not its job: requests (responses). Its last event holds the whole response
again, so a stream's pieces are only shown; items of kinds that are not known here are left out of the Reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ezaigents.codec import to_json
from ezaigents.providers.dialects.call_ids import told_apart
from ezaigents.providers.dialects.failures import failure_within
from ezaigents.providers.dialects.reading import bounded, broken
from ezaigents.providers.dialects.sse import Event
from ezaigents.providers.dialects.wire import Garbled, argument_text, decoded, raw_text, tokens
from ezaigents.providers.errors import CallFailed
from ezaigents.providers.transcript import Part, Reply, Stop, Text, Thinking, ToolCall
from ezaigents.records import Usage

_NONE = msgspec.Raw(b"")
_EMPTY = {b"", b"null"}


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None
    total_tokens: int | None = None


class _Piece(msgspec.Struct):
    """A piece of a message's content, or of a summary."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    phase: str | None = None
    content: list[_Piece] | None = None
    summary: list[_Piece] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: msgspec.Raw = _NONE


class Phase(msgspec.Struct, frozen=True, tag_field="type", tag="phase"):
    """Whether the message behind it was a comment on the way or the last word; the model wants to be told again.

    Kept as the opaque part of a Thinking before the message's text.
    """

    phase: str


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[msgspec.Raw] | None = None
    usage: _Usage | None = None
    incomplete_details: _Incomplete | None = None
    error: msgspec.Raw = _NONE


class _Step(msgspec.Struct):
    """Any event of a stream."""

    type: str = ""
    output_index: int | None = None
    delta: msgspec.Raw = _NONE
    item: msgspec.Raw = _NONE
    response: _Response | None = None


def read_answer(body: bytes, route: str) -> Reply:
    """Read a response that was not streamed. Raises CallFailed."""
    try:
        response = decoded(bounded(body), _Response)
        if response.output is None and bytes(response.error) in _EMPTY:
            raise Garbled("it has no `output`")
        return _reply(response, response.output or [], route)
    except Garbled as error:
        raise broken(str(error)) from error


def _reply(response: _Response, items: Iterable[msgspec.Raw], route: str) -> Reply:
    """Put it together. Raises CallFailed where the provider says that it failed, Garbled where it is not at its end."""
    usage = _used(response.usage)
    if bytes(response.error) not in _EMPTY or response.status == "failed":
        raise _failed(response, usage)
    if response.status not in {"completed", "incomplete", None}:
        raise Garbled("it is not at its end")
    read = [(decoded(bytes(raw), _Item), raw) for raw in items]
    parts = [part for item, raw in read for part in _parts(item, raw, route)]
    seed = response.id or ""
    calls = iter(told_apart((part for part in parts if isinstance(part, ToolCall)), seed))
    whole = tuple(next(calls) if isinstance(part, ToolCall) else part for part in parts)
    stop = _stop(response, [item for item, _ in read])
    return Reply(id=seed, route=route, model=response.model or "", parts=whole, stop=stop, usage=usage)


def _failed(response: _Response, usage: Usage | None) -> CallFailed:
    error = None if bytes(response.error) in _EMPTY else decoded(bytes(response.error), object)
    return failure_within({"error": error}, started=True, usage=usage)


def _stop(response: _Response, items: list[_Item]) -> Stop:
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details else ""
        return Stop.REFUSAL if reason == "content_filter" else Stop.LENGTH
    if any(piece.type == "refusal" for item in items for piece in item.content or ()):
        return Stop.REFUSAL
    return Stop.TOOLS if any(item.type == "function_call" for item in items) else Stop.END


def _parts(item: _Item, raw: msgspec.Raw, route: str) -> Iterator[Part]:
    if item.type == "message":
        if item.phase:
            yield Thinking(model=route, opaque=to_json(Phase(item.phase)).decode())
        yield from (Text(text) for piece in item.content or () if (text := piece.text or piece.refusal or ""))
    elif item.type == "function_call":
        arguments = argument_text(item.arguments) or "{}"
        yield ToolCall(id=item.call_id or "", name=item.name or "", arguments=arguments)
    elif item.type == "reasoning":
        said = item.summary or item.content or ()
        yield Thinking(model=route, text="\n".join(piece.text or "" for piece in said), opaque=raw_text(raw))


def _used(said: _Usage | None) -> Usage | None:
    """The three kinds of input apart; what a provider leaves out of the output, but counts, is output."""
    if said is None:
        return None
    details, thought = said.input_tokens_details, said.output_tokens_details
    read = tokens(details.cached_tokens if details else 0)
    write = tokens(details.cache_write_tokens if details else 0)
    whole = tokens(said.input_tokens)
    return Usage(
        input=max(whole - read - write, 0),
        cache_read=read,
        cache_write=write,
        output=max(tokens(said.output_tokens), tokens(said.total_tokens) - whole),
        reasoning=tokens(thought.reasoning_tokens if thought else 0),
    )


class ResponsesAssembly:
    """A streamed response on its way."""

    def __init__(self, route: str) -> None:
        self.usage: Usage | None = None
        self._route = route
        self._items: dict[int, msgspec.Raw] = {}
        self._reply: Reply | None = None

    def take(self, event: Event) -> str:
        if self._reply or not event.data or event.data == b"[DONE]":
            return ""
        step = decoded(event.data, _Step)
        if step.response:
            self.usage = _used(step.response.usage) or self.usage
        match step.type:
            case "error":
                raise failure_within(decoded(event.data, object), started=True, usage=self.usage)
            case "response.output_text.delta" | "response.refusal.delta":
                return argument_text(step.delta)
            case "response.output_item.done":
                self._items[len(self._items) if step.output_index is None else step.output_index] = step.item
            case "response.completed" | "response.incomplete" | "response.failed":
                self._reply = self._end(step)
        return ""

    def _end(self, step: _Step) -> Reply:
        """The answer is what the last event holds; some servers leave its output empty, and said the items before."""
        response = step.response
        if response is None:
            raise Garbled("its last event holds no response")
        if response.status != "failed":
            response.status = step.type.removeprefix("response.")
        items = response.output or [raw for _, raw in sorted(self._items.items())]
        return _reply(response, items, self._route)

    def whole(self) -> Reply:
        if self._reply is None:
            raise Garbled("it broke off before `response.completed`")
        return self._reply
