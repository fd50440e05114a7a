"""File leases over the queue's rig, with short words for scenes. Job: set scenes. Not its job: expectations.

Leaving it asserts that this room's invariants hold too. Time is not waited for: `leases_end` writes the past.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from tests.contract.queue.rig import LANE, PAST_MS, Rig
from tests.leaks import until

from ezaigents.engine import Connection
from ezaigents.queue import Held, Queue
from ezaigents.records import PatchState
from ezaigents.team.fsck import judge_team
from ezaigents.team.lease_records import APPLY, Grant, Holder
from ezaigents.team.leases import SCRIPTS, FileLeases
from ezaigents.team.radar import Radar
from ezaigents.team.scripts import scripts_with_shared

PLACE = LANE.partition("@")[2]
TTL_S = 60.0
LONG_S = 30.0
"""A wait that no test is meant to sit out."""


class LeaseRig(Rig):
    """A rig with file leases on its own connection."""

    leases: FileLeases
    radar: Radar

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.leases = FileLeases(self.queue)
        self.radar = Radar(self.queue)
        return self

    async def __aexit__(self, kind: object, *exc_info: object) -> None:
        await self.leases.close()
        await super().__aexit__(kind, *exc_info)

    async def assert_clean(self) -> None:
        await super().assert_clean()
        assert await self.judged() == []

    async def judged(self, queue: Queue | None = None) -> list[tuple[str, str]]:
        """What this room's check finds: (key, text)."""
        found: list[tuple[str, str]] = []
        await judge_team(queue or self.queue, lambda invariant, what, text: found.append((what, text)))
        return found

    async def everything_of_the_line(self) -> list[bytes]:
        """Its keys and members; none when nobody waits."""
        found: list[bytes] = await self.raw("KEYS", self.keys.want("*"))
        return [*found, *await self.raw("ZRANGE", self.keys.wants(), 0, -1)]

    @asynccontextmanager
    async def elsewhere(self, *, listening: bool = False) -> AsyncIterator[FileLeases]:
        """The same leases from another process's connection, which may listen to `unlocked`."""

        def on_heard(channel: str, text: str) -> None:
            leases.on_heard()

        async with Connection(self.engine.address, on_heard=on_heard) as connection:
            queue = Queue(connection, self.keys)
            leases = FileLeases(queue)
            if listening:
                await connection.listen(channel=self.keys.unlocked())
            yield leases
            await leases.close()
            await queue.close()

    # -- holders -------------------------------------------------------------------------------------------------

    async def holders(self, count: int) -> list[Holder]:
        """So many running tasks, each of which may hold leases."""
        await self.submit(count)
        return [Holder(PLACE, claim.id, claim.fence) for claim in await self.claim(count)]

    async def holder(self) -> Holder:
        """One of them."""
        return (await self.holders(1))[0]

    async def applying(self) -> Holder:
        """Somebody who applies the patch of a task that is done, before the transition."""
        task_id = await self.one()
        await self.finish(await self.hold(task_id), patch="p")
        return Holder(PLACE, task_id, await self.queue.new_fence(), APPLY)

    async def moves(self, holder: Holder, to: PatchState) -> None:
        """The transition of an apply."""
        await self.queue.move_patch(holder.task, to, holder.fence)

    async def task_ends(self, holder: Holder) -> None:
        """Nobody says a word about its leases."""
        await self.finish(Held(holder.task, holder.fence))

    # -- leases --------------------------------------------------------------------------------------------------

    async def take(self, holder: Holder, *patterns: str) -> Grant:
        """Take leases that are free."""
        return await self.leases.acquire(holder, patterns, ttl_s=TTL_S)

    async def held(self) -> dict[str, str]:
        """Task by pattern, of the leases that hold."""
        return {lease.pattern: lease.task for lease in await self.leases.held()}

    async def leases_end(self, *patterns: str) -> None:
        """As if they had been over for long, and nobody had looked yet."""
        for name in await self.raw("ZRANGE", self.keys.locks(), 0, -1):
            key = self.keys.lock(name.decode())
            if (await self.raw("HGET", key, "pattern")).decode() in patterns:
                await self.raw("HSET", key, "until", PAST_MS)
                await self.raw("ZADD", self.keys.locks(), "XX", PAST_MS, name)

    async def grow_older(self, by_ms: int) -> None:
        """As if every lease had been taken that much earlier."""
        for name in await self.raw("ZRANGE", self.keys.locks(), 0, -1):
            await self.raw("HINCRBY", self.keys.lock(name.decode()), "at", -by_ms)

    async def in_line(self, *tasks: str) -> None:
        """Return once exactly these tasks stand in line, in this order."""

        async def stand() -> bool:
            return [one.task for one in await self.leases.waiting()] == list(tasks)

        await until(stand)

    async def stands_in_line(self, count: int) -> bool:
        """Say whether so many tickets are in line."""
        return bool(await self.raw("ZCARD", self.keys.wants()) == count)

    async def asks_and_dies(self, holder: Holder, patterns: Sequence[str], *, wait_ms: int) -> None:
        """A process that asks once, and is not heard of again."""
        ticket = os.urandom(8).hex()
        args = [ticket, holder.place, holder.task, str(holder.fence), holder.verb, 60_000, wait_ms, *patterns]
        await self.queue.run_script(scripts_with_shared(SCRIPTS)["lock"], args)

    async def silence_left_ms(self) -> list[int]:
        """How long each in line may go on in silence, in the order of the line."""
        tickets = await self.raw("ZRANGE", self.keys.wants(), 0, -1)
        return [await self.raw("PTTL", self.keys.want(ticket.decode())) for ticket in tickets]

    async def silence_is_over(self) -> None:
        """As if nobody in line had been heard of for too long."""
        for ticket in await self.raw("ZRANGE", self.keys.wants(), 0, -1):
            await self.raw("DEL", self.keys.want(ticket.decode()))

    def waiter(
        self, leases: FileLeases, holder: Holder, patterns: Sequence[str], wait_s: float = LONG_S
    ) -> asyncio.Task[Grant]:
        """Somebody who waits in the background."""
        return asyncio.ensure_future(leases.acquire(holder, patterns, ttl_s=TTL_S, wait_s=wait_s))

    async def everything(self) -> dict[bytes, Any]:
        """All of this room's keys with their content, to be compared."""
        keys = [key for part in ("lock", "want") for key in await self.raw("KEYS", f"{self.keys.prefix}{part}:*")]
        hashes = {key: await self.raw("HGETALL", key) for key in keys}
        return hashes | {b"locks": await self.raw("ZRANGE", self.keys.locks(), 0, -1, "WITHSCORES")}
