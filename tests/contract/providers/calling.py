"""A Caller over the scripted server, and a meter that writes down what it is told. Not its job: what is checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from ezaigents.clock import Clock, SystemClock
from ezaigents.providers import (
    Caller,
    Catalogue,
    Client,
    Deadlines,
    KeyPool,
    Provider,
    Reply,
    Request,
    Reservation,
    Role,
    Route,
    Text,
    Try,
    Turn,
)
from ezaigents.providers.dialects import Quirks
from ezaigents.records import Usage

PATIENT = Deadlines(connect_s=5, first_byte_s=10, between_bytes_s=10, call_s=20)


def provider(name: str, url: str, dialect: str = "chat", *, local: bool = False) -> Provider:
    """A provider at that address, whose key is in NAME_KEY."""
    base_url = url if dialect == "anthropic" else f"{url}/v1"
    return Provider(
        name=name, dialect=dialect, base_url=base_url, key_variables=(f"{name.upper()}_KEY",), local=local,
        window=100_000, max_output=5000, quirks=Quirks(), models={},
    )  # fmt: skip


def request(text: str = "say hello", **fields: Any) -> Request:
    """A request of one turn."""
    return Request(system="be kind", turns=(Turn(Role.USER, (Text(text),)),), **fields)


class Ledger:
    """A meter. `held`: each hold with how it was settled, in order. `fits`: what it lets through; `error`: raised."""

    def __init__(self, *, fits: int = 10**9, error: Exception | None = None) -> None:
        self.held: dict[str, list[tuple[Usage | None, bool]]] = {}
        self.asked: list[tuple[Route, int, int, int]] = []
        self.fits = fits
        self.error = error

    async def reserve(self, route: Route, request: Request, body_bytes: int, attempt: int) -> Reservation:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.asked.append((route, request.max_output_tokens, body_bytes, attempt))
        name = f"hold-{len(self.held)}"
        self.held[name] = []
        await asyncio.sleep(0)
        return Reservation(name, min(self.fits, request.max_output_tokens))

    async def settle(self, reservation: Reservation, route: Route, usage: Usage | None, *, sent: bool) -> None:
        await asyncio.sleep(0)
        self.held[reservation.name].append((usage, sent))
        await asyncio.sleep(0)

    @property
    def settled(self) -> list[tuple[Usage | None, bool]]:
        """How each hold was settled; fails where one was not settled exactly once."""
        assert all(len(ends) == 1 for ends in self.held.values()), self.held
        return [ends[0] for ends in self.held.values()]


class Naps:
    """A `sleep` that takes no time of ours: it moves the clock and writes down for how long; `still`: it never ends."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.slept: list[float] = []
        self.still = False

    async def __call__(self, seconds: float) -> None:
        if self.still:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.clock.advance(seconds)


class Scene(msgspec.Struct):
    """A caller, and what it told. `said`: text since it began last; `restarts`: what was said before each new start."""

    caller: Caller
    keys: KeyPool
    ledger: Ledger
    tries: list[Try]
    said: list[str]
    restarts: list[list[str]]
    kept: list[Reply]

    async def call(self, *chain: str, request: Request | None = None) -> Reply:
        """Call the chain."""
        routes = [Route.parse(route) for route in chain or ("one:m",)]
        asked = request or _REQUEST
        return await self.caller.call(
            routes, asked, self.ledger, on_text=self.said.append, on_restart=self._restart,
            on_try=self.tries.append, on_reply=self._keep,
        )  # fmt: skip

    def _restart(self) -> None:
        self.restarts.append(list(self.said))
        self.said.clear()

    async def _keep(self, reply: Reply) -> None:
        await asyncio.sleep(0)
        self.kept.append(reply)
        await asyncio.sleep(0)

    def health(self, name: str = "one") -> str:
        """How a provider stands, in words."""
        return next(state.health for state in self.caller.describe() if state.name == name)

    @property
    def outcomes(self) -> list[tuple[str, int, str]]:
        """Of each try: whom it asked, with which key, what it came to."""
        return [(one.route.provider, one.key_number, one.outcome) for one in self.tries]


_REQUEST = request()


@asynccontextmanager
async def scene(
    providers: Sequence[Provider], folder: Path, *, clock: Clock | None = None, sleep: Any = asyncio.sleep,
    luck: float = 0.0, deadlines: Deadlines = PATIENT, ledger: Ledger | None = None, simulated: bool = False,
    client: Client | None = None, **keys: str,
) -> AsyncIterator[Scene]:  # fmt: skip
    """A caller over these providers; each has the key `key-of-NAME` unless another is given as NAME_KEY.

    A `client` that is given stays open.
    """
    clock = clock or SystemClock()
    named = {one.name: one for one in providers}
    environ = {f"{name.upper()}_KEY": f"key-of-{name}" for name in named} | keys
    pool = KeyPool(named, folder / "keys", environ, clock, simulated=simulated)
    catalogue = Catalogue(providers=named, simulated=simulated)
    caller = Caller(catalogue, pool, client or Client(deadlines), clock=clock, luck=lambda: luck, sleep=sleep)
    try:
        yield Scene(caller, pool, ledger or Ledger(), [], [], [], [])
    finally:
        if client is None:
            await caller.close()
