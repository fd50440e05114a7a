"""How each provider stands. Job: breakers, stops, pauses and keys in one view. Not its job: calls (caller).

Whoever waits for a provider awaits `moved`, which is set when one opens, closes, is paused or goes on: nobody polls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from ezaigents.clock import Clock
from ezaigents.providers import breaker
from ezaigents.providers.breaker import Breaker
from ezaigents.providers.catalogue import Catalogue
from ezaigents.providers.keys import KeyPool, KeyRow
from ezaigents.records import PROVIDER

PAUSED_LOOK_S = 60.0
"""When a task of a paused provider is tried again: nobody knows when it will go on."""
PROBE_LOOK_S = 10.0
"""How long a probe is waited for: more than anybody's patience, so that the next route comes first."""
_NEVER = float("inf")


class Hindrance(msgspec.Struct, frozen=True):
    """Why a provider cannot be asked now. `wait_s`: when it may be; infinite = time will not help."""

    words: str
    wait_s: float


class ProviderState(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a provider. `health`: `ready`, or why it is not asked now."""

    name: str
    local: bool
    paused: bool
    health: str
    keys: KeyRow


class Standings:
    """The standing of every provider of a catalogue."""

    def __init__(self, catalogue: Catalogue, keys: KeyPool, clock: Clock, luck: Callable[[], float]) -> None:
        self._catalogue = catalogue
        self._keys = keys
        self._clock = clock
        self._luck = luck
        self._breakers: dict[str, Breaker] = {}
        self._paused: set[str] = set()
        self._stopped_with: dict[str, int] = {}
        self._moved = asyncio.Event()

    async def moved(self) -> None:
        """Return when some provider's standing has changed."""
        await self._moved.wait()

    def hindrance(self, provider: str) -> Hindrance | None:
        """Why it cannot be asked now; None = it can."""
        if provider not in self._catalogue.providers:
            return Hindrance(f"no provider is called {provider!r}", _NEVER)
        if provider in self._paused:
            return Hindrance(f"{provider} is paused; `ez resume {PROVIDER}{provider}` lets it go on", PAUSED_LOOK_S)
        if why := self._keys.why_none(provider):
            return Hindrance(why, _NEVER)
        return self._closed_to(provider) or self._no_free_key(provider)

    def obstacle(self, provider: str) -> str:
        """Why it cannot be asked, where that does not pass by itself; "" = it can, now or after a while."""
        found = self.hindrance(provider)
        return found.words if found and (found.wait_s == _NEVER or provider in self._paused) else ""

    def begin(self, provider: str) -> bool:
        """A call goes; True = it is the probe, to be told to whatever ends it."""
        self._breakers[provider], probe = breaker.begin(self._breaker(provider))
        return probe

    def fault(self, provider: str, *, probe: bool) -> None:
        """The provider failed a call by its own fault."""
        now_s = self._clock.monotonic_s()
        self._set(provider, breaker.after_fault(self._breaker(provider), now_s=now_s, luck=self._luck(), probe=probe))

    def answered(self, provider: str) -> None:
        """The provider answered a call, be it with a refusal."""
        self._set(provider, breaker.after_answer(self._breaker(provider)))

    def nothing(self, provider: str, *, probe: bool) -> None:
        """A call ended and nothing was learned of the provider."""
        self._set(provider, breaker.after_nothing(self._breaker(provider), probe=probe))

    def stop(self, provider: str, until_ms: int) -> None:
        """A spending limit was met; another key may be another account, so a change of keys ends it too."""
        self._stopped_with[provider] = self._keys.generation(provider)
        now_ms = self._clock.wall_ms()
        self._set(provider, breaker.stopped(self._breaker(provider), until_ms=until_ms, now_ms=now_ms))

    def pause(self, provider: str) -> None:
        """Ask it no more until it is resumed; calls on their way come to their end. Raises InputError."""
        self._paused.add(self._catalogue.provider(provider).name)
        self._wake()

    def resume(self, provider: str) -> None:
        """Let it be asked again, whatever stopped it. Raises InputError."""
        name = self._catalogue.provider(provider).name
        self._paused.discard(name)
        self._set(name, Breaker())
        self._wake()

    def describe(self) -> list[ProviderState]:
        """All providers, in the catalogue's order."""
        rows = {row.provider: row for row in self._keys.describe()}
        return [
            ProviderState(
                name=name, local=provider.local, paused=name in self._paused, health=self._health(name), keys=rows[name]
            )
            for name, provider in self._catalogue.providers.items()
        ]

    def _health(self, provider: str) -> str:
        found = self.hindrance(provider)
        return found.words if found else "ready"

    def _closed_to(self, provider: str) -> Hindrance | None:
        state = self._breaker(provider)
        now_ms = self._clock.wall_ms()
        wait_s = breaker.wait_s(state, now_s=self._clock.monotonic_s(), now_ms=now_ms)
        if wait_s == 0:
            return None
        if state.stopped_until_ms > now_ms:
            end = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(state.stopped_until_ms / 1000))
            return Hindrance(f"{provider} is stopped until {end}: its spending limit was met", wait_s)
        if wait_s == _NEVER:
            return Hindrance(f"{provider} failed {state.faults} calls in a row; one is finding out", PROBE_LOOK_S)
        return Hindrance(f"{provider} failed {state.faults} calls in a row; next try in {wait_s:.0f} s", wait_s)

    def _no_free_key(self, provider: str) -> Hindrance | None:
        wait_s = self._keys.wait_s(provider)
        if wait_s in {0, _NEVER}:  # infinite: it needs no key, else why_none had said so
            return None
        return Hindrance(f"{provider} limits its keys; the next is free in {wait_s:.0f} s", wait_s)

    def _breaker(self, provider: str) -> Breaker:
        state = self._breakers.get(provider, Breaker())
        if state.stopped_until_ms and self._stopped_with.get(provider) != self._keys.generation(provider):
            state = self._breakers[provider] = msgspec.structs.replace(state, stopped_until_ms=0)
        return state

    def _set(self, provider: str, state: Breaker) -> None:
        before = self._breakers.get(provider, Breaker())
        self._breakers[provider] = state
        if (before.is_closed, before.probing, before.stopped_until_ms) != (
            state.is_closed, state.probing, state.stopped_until_ms,
        ):  # fmt: skip
            self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
