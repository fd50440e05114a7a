"""How a host learns that a lane has work. Job: the seam, with its two implementations. Not its job: claiming.

Push is told by the script that made a task ready; poll asks again and again, and is kept as the plain alternative.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from ezaigents.engine import Connection
from ezaigents.queue import Keys


class Delivery(Protocol):
    """Calls `notice(lane)` when a lane may have work, or `look()` when any may; both must not block."""

    async def start(self, notice: Callable[[str], None], look: Callable[[], None]) -> None:
        """Begin; called once, in the event loop."""

    def on_heard(self, channel: str) -> None:
        """Something was published on a channel of this namespace."""

    def stop(self) -> None:
        """End; nothing is noticed after this."""


class PushDelivery:
    """Waits on `wake:*`: costs nothing while nothing happens."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._wake = keys.wake("")
        self._notice: Callable[[str], None] | None = None
        self._look: Callable[[], None] | None = None

    async def start(self, notice: Callable[[str], None], look: Callable[[], None]) -> None:
        self._notice = notice
        self._look = look
        await self._connection.listen(pattern=f"{self._wake}*")

    def on_heard(self, channel: str) -> None:
        if self._notice is None or self._look is None or not channel.startswith(self._wake):
            return
        if channel == self._wake:
            self._look()
        else:
            self._notice(channel[len(self._wake) :])

    def stop(self) -> None:
        self._notice = self._look = None


class PollDelivery:
    """Looks every `every_s` seconds, as the systems before did."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._look: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, notice: Callable[[str], None], look: Callable[[], None]) -> None:
        self._look = look
        self._tick()

    def on_heard(self, channel: str) -> None:
        pass

    def stop(self) -> None:
        self._look = None
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        if self._look is not None:
            self._look()
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._tick)
