"""File leases: who may change which files, until when. Job: take, await, prolong and give back; each is one script.

A lease is on a path or a pattern (patterns.py). Two of different holders never cover a common path, and one counts
only while its end has not come and its holder is what it was: a task that ended or was reaped holds nothing.

First come, first served: whoever waits stands in line, and a later request passes nobody who waits for a path in
common. Nobody polls: the channel `unlocked`, the end of what is in the way, or five seconds make a waiter ask again,
which is also how the engine knows that it lives.

Nobody waits in a circle. A request is granted whole or not at all, and a holder that holds anything does not wait: it
is told at once. So whoever waits holds nothing and keeps nobody waiting but those behind it in line, and the first in
line waits only for holders that do not wait themselves: they go on, and give back or end.

Not its job: prolonging in time (keeping.py), touching files (patches).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import msgspec

from ezaigents.codec import from_pack, restored, storable, to_pack
from ezaigents.engine import Arg, Reply
from ezaigents.errors import EngineDown, EzError, InputError, LimitReached
from ezaigents.queue import Queue
from ezaigents.team.lease_records import FileLease, Grant, Holder, LeaseBusy, NotHolder, Waiting
from ezaigents.team.patterns import checked
from ezaigents.team.scripts import scripts_with_shared

LEASE_MOST_S = 3600.0
SCRIPTS = {
    "lock": ("overlap", "holding", "asking", "meeting", "changing"),
    "unlock": ("holding", "changing"),
    "relock": ("holding", "changing"),
    "held": ("holding",),
    "rivals": ("overlap", "holding"),
}


class FileLeases:
    """The file leases of one namespace. Any number of these may be at work on it.

    `listen`: begins to hear the channel `unlocked`, where somebody then calls `on_heard`; awaited at the first wait, so
    that those who never wait pay nothing, and at the next ones while it fails. None: waiters ask again when something
    is due.
    `close` waits for what cancelled callers left to be taken back.
    """

    def __init__(self, queue: Queue, *, listen: Callable[[], Awaitable[None]] | None = None) -> None:
        self._queue = queue
        self._listen = listen
        self._beginning = asyncio.Lock()
        self._scripts = scripts_with_shared(SCRIPTS)
        self._waiters: set[asyncio.Event] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait for what is being given back in the background; the connection stays open."""
        while self._leaving:
            await asyncio.gather(*self._leaving, return_exceptions=True)

    def on_heard(self) -> None:
        """Something was published on the channel `unlocked`, or may have been missed: those who wait ask again."""
        for waiter in self._waiters:
            waiter.set()

    # -- take ----------------------------------------------------------------------------------------------------

    async def acquire(self, holder: Holder, patterns: Sequence[str], *, ttl_s: float, wait_s: float = 0.0) -> Grant:
        """Take leases on all of the patterns, or none; on those it has already they are prolonged.

        `ttl_s`: how long they last unless renewed, at most an hour. `wait_s`: how long to stand in line, 0 = not at
        all. A cancelled caller leaves the line, and gives back what it was granted meanwhile.
        Raises LeaseBusy, NotHolder (the claim is over), InputError, LimitReached, EngineDown.
        """
        request = _Request(holder, checked(patterns), _ttl_ms(ttl_s), time.monotonic() + wait_s)
        self._waiters.add(request.woken)
        try:
            return await self._stand_in_line(request, wait_s)
        except (asyncio.CancelledError, EngineDown):
            self._in_background(self._withdraw(request))
            raise
        finally:
            self._waiters.discard(request.woken)

    async def _stand_in_line(self, request: _Request, wait_s: float) -> Grant:
        while True:
            request.woken.clear()
            sent_at = time.monotonic()
            word, *rest = await self._ask(request)
            match word:
                case b"OK":
                    ends_at = sent_at + request.ttl_ms / 1000
                    return Grant(request.holder, int(rest[0]), request.patterns, ends_at)
                case b"WAIT":
                    await self._begin_to_listen()
                    await request.wait(rest[-1] / 1000)
                case b"STALE":
                    raise NotHolder(request.holder)
                case b"FULL":
                    raise LimitReached(_full(*rest))
                case _:
                    raise _busy(rest, wait_s, holds=word == b"HOLDS")

    async def _begin_to_listen(self) -> None:
        """Once; what went wrong is tried again at the next wait, and until then all ask again when something is due."""
        async with self._beginning:
            if self._listen is not None:
                with contextlib.suppress(EzError):
                    await self._listen()
                    self._listen = None
                    self.on_heard()  # all ask again: a word may have been said before we listened

    async def _ask(self, request: _Request) -> Reply:
        wait_ms = max(0, round((request.wait_until - time.monotonic()) * 1000))
        args = [request.ticket, *_holder_args(request.holder), request.ttl_ms, wait_ms]
        args += map(storable, request.patterns)
        request.asking = asyncio.ensure_future(self._queue.run_script(self._scripts["lock"], args))
        return await asyncio.shield(request.asking)

    async def _withdraw(self, request: _Request) -> None:
        """Behind the question that may still be under way: it would stand in line again, or be granted."""
        if request.asking is not None:
            await asyncio.wait([request.asking])
        args = [*_holder_args(request.holder), request.ticket, *map(storable, request.patterns)]
        with contextlib.suppress(EngineDown):  # what was granted ends by itself
            await self._queue.run_script(self._scripts["unlock"], args)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    # -- keep and give back --------------------------------------------------------------------------------------

    async def renew(self, grants: Sequence[Grant], ttl_s: float) -> list[str]:
        """Prolong what was granted, in one call: "OK", or "LOST" where any of a grant's leases is not its own any more.

        The new end is `ttl_s` after the moment this was called. A lost grant is not prolonged in any part.
        Raises EngineDown.
        """
        return await self._relock(_ttl_ms(ttl_s), grants)

    async def verify(self, grant: Grant) -> bool:
        """Ask the engine whether every lease of the grant was the holder's without a break. Raises EngineDown."""
        return await self._relock(0, [grant]) == ["OK"]

    async def _relock(self, ttl_ms: int, grants: Sequence[Grant]) -> list[str]:
        rows = [(*_holder_args(g.holder), str(g.fence), [*map(storable, g.patterns)]) for g in grants]
        answers = await self._queue.run_script(self._scripts["relock"], [ttl_ms, *map(to_pack, rows)])
        return [answer.decode() for answer in answers]

    async def release(self, holder: Holder, patterns: Sequence[str] | None = None) -> None:
        """Give leases back, by default all that the holder has. May be repeated; what is not its own is passed over."""
        if patterns is not None and not patterns:
            return
        named = checked(patterns) if patterns is not None else ()
        await self._queue.run_script(self._scripts["unlock"], [*_holder_args(holder), "", *map(storable, named)])

    # -- look ----------------------------------------------------------------------------------------------------

    async def held(self) -> list[FileLease]:
        """Every lease that holds, by its end. Raises EngineDown."""
        return (await self.overview())[0]

    async def waiting(self) -> list[Waiting]:
        """Who stands in line, first come first. Raises EngineDown."""
        return (await self.overview())[1]

    async def overview(self) -> tuple[list[FileLease], list[Waiting]]:
        """Both, at one moment."""
        packed: bytes = await self._queue.run_script(self._scripts["held"], [])
        leases, line = from_pack(packed, tuple[list[FileLease], list[Waiting]])
        return (
            [msgspec.structs.replace(lease, pattern=restored(lease.pattern)) for lease in leases],
            [msgspec.structs.replace(one, patterns=tuple(map(restored, one.patterns))) for one in line],
        )


class _Request:
    """One call of `acquire`, known in the engine by its ticket, so that it may ask as often as it likes."""

    def __init__(self, holder: Holder, patterns: tuple[str, ...], ttl_ms: int, wait_until: float) -> None:
        self.ticket = os.urandom(8).hex()
        self.holder = holder
        self.patterns = patterns
        self.ttl_ms = ttl_ms
        self.wait_until = wait_until
        self.woken = asyncio.Event()
        self.asking: asyncio.Task[Reply] | None = None

    async def wait(self, pause_s: float) -> None:
        """Until woken, or something is due."""
        left_s = self.wait_until - time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(pause_s, left_s))):
                await self.woken.wait()


def _holder_args(holder: Holder) -> list[Arg]:
    return [holder.place, holder.task, str(holder.fence), holder.verb]


def _ttl_ms(ttl_s: float) -> int:
    if not 0.001 <= ttl_s <= LEASE_MOST_S:
        raise InputError("ttl_s", f"{ttl_s:g} s is not between 0.001 and {LEASE_MOST_S:g}")
    return round(ttl_s * 1000)


def _full(there: int, limit: int, what: bytes) -> str:
    return (
        f"there are {there} {what.decode()}, limit {limit}; `ez locks` shows them; lease whole folders, such as src/**"
    )


def _busy(way: list[Any], waited_s: float, *, holds: bool) -> LeaseBusy:
    pattern, task, agent, verb = (part.decode() for part in way[:4])
    why = "a holder does not wait while it holds" if holds else f"waited {waited_s:g} s" if waited_s > 0 else ""
    return LeaseBusy(restored(pattern), task, agent, verb, way[4] / 1000, why)
