"""Who is paused, as this host knows it. Job: remember what the sweeps say; let running work wait at a checkpoint.

Not its job: refusing claims (the claim script does, whatever a host believes).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from ezaigents.records import EVERYTHING


class Pauses:
    """The paused agents of one host; belongs to its event loop."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._changed = asyncio.Event()

    def update(self, names: Collection[str]) -> None:
        """What a sweep said: the agents that are paused now."""
        if self._names != frozenset(names):
            self._names = frozenset(names)
            self._changed.set()
            self._changed = asyncio.Event()

    def holds(self, agent: str) -> bool:
        """True while the agent, or everything, is paused."""
        return agent in self._names or EVERYTHING in self._names

    async def wait(self, agent: str) -> None:
        """Return when the agent is not paused: at once, most of the time."""
        while self.holds(agent):
            await self._changed.wait()
