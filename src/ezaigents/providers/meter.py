"""Who pays for a try, and what a try came to. Job: the seam and its records. Not its job: money (the budget room).

One `reserve` is followed by one `settle`, whatever happens in between.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from ezaigents.providers.catalogue import Route
from ezaigents.providers.transcript import Request
from ezaigents.records import Usage


class Reservation(msgspec.Struct, frozen=True):
    """What a Meter holds for one try. `max_output_tokens`: what fits, at most what was asked."""

    name: str
    max_output_tokens: int


class Meter(Protocol):
    """Who pays."""

    async def reserve(self, route: Route, request: Request, body_bytes: int, attempt: int) -> Reservation:
        """Hold the worst case of a try. `attempt`: from 1, within the call. A LimitReached of it ends the call."""
        ...

    async def settle(self, reservation: Reservation, route: Route, usage: Usage | None, *, sent: bool) -> None:
        """End a hold. `usage` None and `sent`: the outcome is unknown, so in full; not `sent`: it is given back."""
        ...


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """What one try came to. `outcome`: `ok`, `cancelled`, or a FailureKind. `key_number`: from 1, 0 = none was needed.

    `waited_s`: before it, since the one before. The message is redacted.
    """

    route: Route
    key_number: int
    outcome: str
    status: int
    message: str
    took_s: float
    waited_s: float
