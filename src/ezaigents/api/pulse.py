"""Whether the fleet works now. Job: one look at the engine for all who ask at once, soon answered.

Whoever asks needs no token, so a crowd must cost what one costs. Not its job: HTTP (routes/health).
"""

from __future__ import annotations

import asyncio

import msgspec

from ezaigents.client import Client
from ezaigents.errors import RetryLater

_LOOK_S = 1.5
"""Who supervises a fleet waits two seconds or so; an engine that takes longer does not work."""
_FRESH_S = 1.0


class Beat(msgspec.Struct, frozen=True):
    """`ready`: the engine answers, and a host lives. `why`: what ails it."""

    ready: bool
    why: str = ""


class Pulse:
    """The pulse of one fleet."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._looking: asyncio.Task[Beat] | None = None
        self._until_s = 0.0

    async def beat(self) -> Beat:
        """How it is, as seen within the last second."""
        loop = asyncio.get_running_loop()
        if self._looking is None or (self._looking.done() and loop.time() >= self._until_s):
            self._until_s = loop.time() + _FRESH_S
            self._looking = loop.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> Beat:
        try:
            async with asyncio.timeout(_LOOK_S):
                hosts = await self._client.hosts(at_once=True)
        except TimeoutError:
            return Beat(ready=False, why=f"the engine has not answered for {_LOOK_S:g} s")
        except RetryLater as error:
            return Beat(ready=False, why=str(error))
        return Beat(ready=bool(hosts), why="" if hosts else "an engine lives and no host does; start one with `ez up`")
