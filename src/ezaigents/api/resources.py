"""What the fleet uses, over time. Job: one look for all who ask at once, and the looks of the last hour.

Nobody asks, nobody looks: between two visits nothing happens here. Not its job: looking (monitor), HTTP (routes).
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from ezaigents.client import Client
from ezaigents.errors import EngineDown
from ezaigents.monitor import History, Point, Role, Sample, Sampler

if TYPE_CHECKING:
    from ezaigents.client import Figures

KEPT_MOST = 720
"""An hour of looks every five seconds; some 0.2 MB."""
_FRESH_S = 2.0


class Resources:
    """The looks of one site."""

    def __init__(self, client: Client) -> None:
        # Where a process of its own serves, it is none of a host's; a host finds itself among the hosts.
        self._sampler = Sampler(client, {os.getpid(): (Role.DASHBOARD, "ez dashboard")})
        self._history = History(KEPT_MOST)
        self._last: Sample | None = None
        self._until_s = 0.0
        self._failed: EngineDown | None = None
        self._failed_s = 0.0
        self._one_at_a_time = asyncio.Lock()

    @property
    def history(self) -> tuple[Point, ...]:
        """The sums of each look in the last hour, by whoever looked, from the oldest to the newest."""
        return self._history.points

    async def look(self, known: Figures | None = None) -> Sample:
        """As seen within the last two seconds. `known`: where the caller has read the figures just now.

        Raises EngineDown.
        """
        loop, came_s = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        async with self._one_at_a_time:
            if self._failed is not None and came_s <= self._failed_s:
                raise EngineDown(
                    str(self._failed)
                ) from self._failed  # who waited for a look that failed does not wait for another
            if self._last is None or loop.time() >= self._until_s:
                try:
                    self._last = await self._sampler.look(known)
                except EngineDown as error:
                    self._failed, self._failed_s = error, loop.time()
                    raise
                self._until_s = loop.time() + _FRESH_S
                self._history.add(self._last)
            return self._last
