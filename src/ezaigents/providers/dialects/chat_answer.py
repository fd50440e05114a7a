"""OpenAI Chat Completions: what comes back.

Job: a completion, streamed or not, to a Reply. Not its job: requests (chat), the pieces of tool calls (chat_calls).
Servers differ: thinking comes as `reasoning_content`, as `reasoning` or as a piece of the content; usage in the last
chunk, in a choice, or in every chunk.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ezaigents.providers.dialects.chat_calls import CallPiece, Calls, Signature
from ezaigents.providers.dialects.failures import failure_within
from ezaigents.providers.dialects.reading import bounded, broken
from ezaigents.providers.dialects.sse import Event
from ezaigents.providers.dialects.wire import Garbled, decoded, tokens
from ezaigents.providers.errors import CallFailed
from ezaigents.providers.transcript import Part, Reply, Stop, Text, Thinking
from ezaigents.records import Usage

__all__ = ["ChatAssembly", "Signature", "read_answer"]

_NONE = msgspec.Raw(b"")
_EMPTY = {b"", b"null"}
_LENGTH = {"length", "model_length", "max_tokens"}
_FAILED = {"error", "insufficient_system_resource"}
"""Mistral and OpenRouter; DeepSeek."""


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek
    cached_tokens: int | None = None  # Kimi


class _Piece(msgspec.Struct):
    """A piece of a content that is a list. `thinking`: Mistral's, pieces again."""

    type: str = ""
    text: str | None = None
    thinking: str | list[_Piece] | None = None


class _Said(msgspec.Struct):
    """A message, or what a chunk adds to it."""

    content: str | list[_Piece] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[CallPiece] | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None  # Kimi
    error: msgspec.Raw = _NONE


class _Completion(msgspec.Struct):
    """A completion, or a chunk of one."""

    id: str | int | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = _NONE


def read_answer(body: bytes, route: str) -> Reply:
    """Read a completion that was not streamed. Raises CallFailed."""
    assembly = ChatAssembly(route)
    try:
        completion = decoded(bounded(body), _Completion)
        assembly.add(completion, streamed=False)
        if not any(choice.message for choice in completion.choices or ()):
            raise Garbled("it has no message")
        return assembly.together()
    except Garbled as error:
        raise broken(str(error), assembly.usage) from error


class ChatAssembly:
    """A completion on its way; one that is not streamed is a single step."""

    def __init__(self, route: str) -> None:
        self.usage: Usage | None = None
        self._route = route
        self._id = ""
        self._model = ""
        self._thought: list[str] = []
        self._texts: list[str] = []
        self._refused = False
        self._finish = ""
        self._calls = Calls()
        self._ended = False

    def take(self, event: Event) -> str:
        if self._ended or not event.data:
            return ""
        if event.data.strip() == b"[DONE]":
            self._ended = True
            return ""
        return self.add(decoded(event.data, _Completion), streamed=True)

    def add(self, completion: _Completion, *, streamed: bool) -> str:
        """Take a chunk, or the whole; give its visible text."""
        self.usage = _used(completion.usage) or self.usage
        if bytes(completion.error) not in _EMPTY:
            raise self._failed(completion.error)
        self._id = self._id or str(completion.id or "")
        self._model = self._model or completion.model or ""
        return "".join(self._choice(choice, streamed) for choice in completion.choices or () if not choice.index)

    def _choice(self, choice: _Choice, streamed: bool) -> str:
        self.usage = _used(choice.usage) or self.usage
        if bytes(choice.error) not in _EMPTY:
            raise self._failed(choice.error)
        self._finish = choice.finish_reason or self._finish
        said = (choice.delta if streamed else choice.message) or _Said()
        for call in said.tool_calls or ():
            self._calls.add(call, whole=not streamed)
        visible, hidden = _split(said.content)
        self._thought.append((said.reasoning_content or said.reasoning or "") + hidden)
        visible += said.refusal or ""
        self._refused = self._refused or bool(said.refusal)
        self._texts.append(visible)
        return visible

    def _failed(self, error: msgspec.Raw) -> CallFailed:
        started = bool(self._finish or self._calls or any(self._texts) or any(self._thought))
        return failure_within({"error": decoded(bytes(error), object)}, started=started, usage=self.usage)

    def whole(self) -> Reply:
        if not self._ended:
            raise Garbled("it broke off before `[DONE]`")
        if not self._finish:
            raise Garbled("it ended without its finish reason")
        return self.together()

    def together(self) -> Reply:
        """The answer, of what was taken."""
        if self._finish in _FAILED:
            word = "overloaded" if self._finish == "insufficient_system_resource" else "server_error"
            raise failure_within({"code": word, "message": self._finish}, started=True, usage=self.usage)
        parts = tuple(self._parts())
        return Reply(
            id=self._id, route=self._route, model=self._model, parts=parts, stop=self._stop(), usage=self.usage
        )

    def _parts(self) -> Iterator[Part]:
        if thought := "".join(self._thought):
            yield Thinking(model=self._route, text=thought)
        if text := "".join(self._texts):
            yield Text(text)
        yield from self._calls.parts(self._route, self._id)

    def _stop(self) -> Stop:
        """Several servers say `stop` after tool calls; what was cut off, or refused, is not to be carried out."""
        if self._finish in _LENGTH:
            return Stop.LENGTH
        if self._refused or self._finish == "content_filter":
            return Stop.REFUSAL
        return Stop.TOOLS if self._calls else Stop.END


def _split(content: str | list[_Piece] | None) -> tuple[str, str]:
    """The visible text and the thinking of a content."""
    if not isinstance(content, list):
        return content or "", ""
    visible = "".join(piece.text or "" for piece in content if piece.type == "text")
    return visible, "".join(_thoughts(piece) for piece in content)


def _thoughts(piece: _Piece) -> str:
    inner = piece.thinking
    return "".join(part.text or "" for part in inner) if isinstance(inner, list) else inner or ""


def _used(said: _Usage | None) -> Usage | None:
    """The three kinds of input apart. Output that a server leaves out of its count, but not of its sum, is output."""
    if said is None:
        return None
    details, thought = said.prompt_tokens_details or _PromptDetails(), said.completion_tokens_details
    read = tokens(details.cached_tokens or said.prompt_cache_hit_tokens or said.cached_tokens)
    write = tokens(details.cache_write_tokens)
    whole = tokens(said.prompt_tokens)
    return Usage(
        input=max(whole - read - write, 0),
        cache_read=read,
        cache_write=write,
        output=max(tokens(said.completion_tokens), tokens(said.total_tokens) - whole),
        reasoning=tokens(thought.reasoning_tokens if thought else 0),
    )
