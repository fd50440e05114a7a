"""What a request asks for and what is answered, in a form that no dialect owns.

Job: the records between the wire forms and the rules, and the refusal every check raises. Not its job: any wire form.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Dialect(StrEnum):
    """A wire form: Anthropic Messages, OpenAI Responses, OpenAI Chat Completions."""

    MESSAGES = "messages"
    RESPONSES = "responses"
    CHAT = "chat"


class Stop(StrEnum):
    """Why the answer ends. `length`: cut off at the output limit."""

    END = "end"
    TOOLS = "tools"
    LENGTH = "length"
    REFUSAL = "refusal"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    `prompt`: the text of the first user turn. `step`: how many assistant turns there are already. `results`: what
    tools answered so far, oldest first. `tools`: the names of those on offer. `max_tokens`: 0 = no limit.
    `prefix`: the request in pieces, in the order in which a provider's cache sees them; the first `cacheable` of them
    may be kept. `long_cached`: kept for an hour rather than minutes. `tells_usage`: a stream says what it used.
    `seals_thinking`: what was thought comes as an opaque block too.
    """

    dialect: Dialect
    model: str
    prompt: str
    step: int
    results: tuple[str, ...] = ()
    tools: frozenset[str] = frozenset()
    stream: bool = False
    max_tokens: int = 0
    prefix: tuple[bytes, ...] = ()
    cacheable: int = 0
    long_cached: bool = False
    tells_usage: bool = True
    seals_thinking: bool = False


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool the model asks for. `raw` takes the place of `arguments`: any text at all, JSON or not."""

    name: str
    arguments: dict[str, Any] = {}
    raw: str = ""

    def text(self) -> str:
        """The arguments as they travel: JSON text, unless `raw` is none."""
        return self.raw or msgspec.json.encode(self.arguments).decode()


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What the model does in one turn: think, say something, ask for tools, in this order; each may be missing."""

    thinking: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()
    stop: Stop = Stop.END


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one call. `fresh`: of the input, neither read from the cache nor written to it."""

    fresh: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    thinking: int = 0

    @property
    def input(self) -> int:
        """All of the input."""
        return self.fresh + self.cache_read + self.cache_write


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, ready for the wire. `spent`: None where the provider is to say nothing of it."""

    id: str
    created_s: int
    move: Move
    spent: Spent | None


class Refused(Exception):
    """The provider refuses. `kind`: "", `spend_limit`, `too_long` or `unknown_model`; each dialect has its own words.

    `param`, `code`: what OpenAI says beside the message. `headers`: sent along.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "",
        param: str | None = None,
        code: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = headers
