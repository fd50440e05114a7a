"""Telling others that this host lives, and what ails it. Job: the seam, with its two implementations.

Delta speaks when something changed, and twice a minute otherwise; full says everything every few seconds, as the
systems before did, and is there to be compared with. The host's card was announced before either runs; where it has
changed since, because a key came or went, it is announced again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from ezaigents.clock import Clock
from ezaigents.errors import EzError
from ezaigents.records import Health, HostCard
from ezaigents.runtime.health import Checkup
from ezaigents.settings import Settings
from ezaigents.team import Registry

_log = logging.getLogger(__name__)
LOOK_S = 15.0
BEAT_S = 30.0
"""Half of the time after which a silent host counts as gone."""
FULL_S = 5.0


class Heartbeat(Protocol):
    """The signs of life of one host. An engine that is away is tried again at the next look."""

    async def run(self) -> None:
        """Beat until stopped."""

    def look_now(self) -> None:
        """Look at once, instead of at the next turn."""

    def repeat(self) -> None:
        """Look and speak at once: what was said may be lost."""

    def stop(self) -> None:
        """End `run` at once; nothing is said after that but what is under way."""


class DeltaHeartbeat:
    """Looks every `look_s` seconds; speaks when something changed, and when `beat_s` seconds have passed."""

    def __init__(
        self,
        registry: Registry,
        card: Callable[[], HostCard],
        checkup: Checkup,
        clock: Clock,
        *,
        look_s: float = LOOK_S,
        beat_s: float = BEAT_S,
    ) -> None:
        self._registry = registry
        self._card = card
        self._shown = card()
        self._checkup = checkup
        self._clock = clock
        self._beat_s = beat_s
        self._rounds = _Rounds(look_s)
        self._told: Health | None = Health()
        """What the engine holds; None = that is not known, and has to be said again."""
        self._told_at_s = clock.monotonic_s()

    async def run(self) -> None:
        self._shown = self._card()  # as it was announced; it was not whole yet when this was made
        while (late_s := await self._rounds.next()) is not None:
            await self._tell(self._checkup.look(late_s))

    def look_now(self) -> None:
        self._rounds.hurry()

    def repeat(self) -> None:
        self._told = None
        self._rounds.hurry()

    def stop(self) -> None:
        self._rounds.stop()

    async def _tell(self, health: Health) -> None:
        now_s = self._clock.monotonic_s()
        card = self._card()
        changed = health != self._told
        if not changed and card == self._shown and now_s - self._told_at_s < self._beat_s:
            return
        self._told = None
        try:
            known = card == self._shown and await self._registry.beat(card.name, health if changed else None)
            # Once stopped the host may have left meanwhile: its card is not lost but taken away.
            if not known and not self._rounds.stopped:
                await self._registry.announce(card, health)
        except EzError as error:
            _log.warning("heartbeat: %s", error)
        else:
            self._told, self._told_at_s, self._shown = health, now_s, card


class FullHeartbeat:
    """Sends card, health and the state of every agent every `full_s` seconds, changed or not."""

    def __init__(
        self, registry: Registry, card: Callable[[], HostCard], checkup: Checkup, *, full_s: float = FULL_S
    ) -> None:
        self._registry = registry
        self._card = card
        self._checkup = checkup
        self._rounds = _Rounds(full_s)

    async def run(self) -> None:
        while (late_s := await self._rounds.next()) is not None:
            try:
                card = self._card()
                await self._registry.announce(card, self._everything(card, late_s))
            except EzError as error:
                _log.warning("heartbeat: %s", error)

    def look_now(self) -> None:
        self._rounds.hurry()

    def repeat(self) -> None:
        self._rounds.hurry()

    def stop(self) -> None:
        self._rounds.stop()

    def _everything(self, card: HostCard, late_s: float) -> Health:
        health = self._checkup.look(late_s, named_most=len(card.agents))
        well = dict.fromkeys((agent.name for agent in card.agents), "")
        return msgspec.structs.replace(health, agents=well | health.agents)


class _Rounds:
    """Comes round every `every_s` seconds, at once when in a hurry, and no more once stopped."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._woken = asyncio.Event()
        self.stopped = False

    async def next(self) -> float | None:
        """Wait for the next round; returns how late the event loop came to it, in seconds; None once stopped."""
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._every_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due_s):
                await self._woken.wait()
        self._woken.clear()
        return None if self.stopped else max(0.0, loop.time() - due_s)

    def hurry(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self.stopped = True
        self._woken.set()


def make_heartbeat(
    settings: Settings, registry: Registry, card: Callable[[], HostCard], checkup: Checkup, clock: Clock
) -> Heartbeat:
    """The heartbeat that the settings name. `card`: the host's card as it is now."""
    if settings.heartbeat == "full":
        return FullHeartbeat(registry, card, checkup)
    return DeltaHeartbeat(registry, card, checkup, clock)
