"""The wire forms in which models are spoken to.

Job: a Request to bytes, bytes to a Reply or a CallFailed, for three wire forms that cover every provider. Not its job:
sending (caller), what an endpoint is called and where it is (catalogue), what follows from a failure (policy).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ezaigents.errors import ConfigError
from ezaigents.providers.dialects.quirks import Effort, Quirks
from ezaigents.providers.errors import CallFailed
from ezaigents.providers.transcript import Reply, Request
from ezaigents.records import Usage

__all__ = ["DIALECTS", "Dialect", "Effort", "Quirks", "StreamReading", "dialect"]

DIALECTS = ("anthropic", "responses", "chat")


class StreamReading(Protocol):
    """One streamed answer on its way. Once it has failed it stays failed."""

    def feed(self, data: bytes) -> list[str]:
        """Take raw bytes of the body, cut anywhere; give the pieces of visible text in them. Raises CallFailed."""
        ...

    def reply(self) -> Reply:
        """The whole answer, after its last byte.

        Raises CallFailed (broken, may be billed) where it did not end as the wire form says: a part is never a Reply.
        """
        ...

    @property
    def usage(self) -> Usage | None:
        """What has been said of it so far."""
        ...


class Dialect(Protocol):
    """A wire form. `path`: beneath the base URL, which is what the provider's own SDK takes in its *_BASE_URL."""

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str: ...

    def headers(self, key: str) -> dict[str, str]:
        """The headers of a call; `key` "" = none is sent."""
        ...

    def body(self, request: Request, quirks: Quirks, *, route: str) -> bytes:
        """The body of a call. `route`: `provider:model`; thinking of another one is left out.

        Calls that share their first turns share the first bytes, cache marks aside: turns are the last field.
        """
        ...

    def reply(self, body: bytes, *, route: str) -> Reply:
        """Read an answer that was not streamed. Raises CallFailed."""
        ...

    def reading(self, *, route: str) -> StreamReading:
        """Begin to read a streamed answer."""
        ...

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> CallFailed:
        """What an answer of another status than 200 means. Keys are masked by their look; mask them by value too."""
        ...


def dialect(name: str) -> Dialect:
    """Give the dialect called so. Raises ConfigError."""
    match name:  # imported here: a team of one provider loads one of them
        case "anthropic":
            from ezaigents.providers.dialects.anthropic import Anthropic

            return Anthropic()
        case "responses":
            from ezaigents.providers.dialects.responses import Responses

            return Responses()
        case "chat":
            from ezaigents.providers.dialects.chat import Chat

            return Chat()
    raise ConfigError(f"no dialect is called {name!r}; use one of {', '.join(DIALECTS)}")
