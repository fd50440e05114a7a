"""The engine's part of a restore. Job: have an engine read it, and settle what belonged to a life that is over.

Hosts that were alive are not any more: their registrations go, and what they held is handed back untouched, so that
neither an attempt nor a crash is counted. Holds of calls that were in flight end by themselves, as spent.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from ezaigents.backup.aside import staged_settings
from ezaigents.backup.enginekeys import load, records_in, records_of
from ezaigents.backup.manifest import KIND_LOG, Manifest
from ezaigents.backup.namespace import take_namespace
from ezaigents.backup.records import Records
from ezaigents.engine import Connection, EngineHandle, begin
from ezaigents.errors import EzError, GiveUp
from ezaigents.queue import Held, Keys, Queue
from ezaigents.settings import Settings

KEYS_FOLDER = "keys"
_BATCH = 100


class Settled(msgspec.Struct, frozen=True):
    """What came to life: tasks there are, those that were handed back, and what a rebuilding of indexes changed."""

    tasks: int = 0
    released: int = 0
    notes: tuple[str, ...] = ()


def bring_to_life(settings: Settings, staged: Path, manifest: Manifest, claim: str) -> Settled:
    """Have the engine of these settings hold the state that was unpacked in `staged`.

    `claim`: the id by which an external engine's namespace is this restore's; it stays marked with it.
    Raises GiveUp when the engine cannot read it, ConfigError when an external one holds keys of the namespace.
    """
    if not manifest.engine:
        return Settled()
    return asyncio.run(_Revival(settings, staged, manifest, claim).run())


class _Revival:
    def __init__(self, settings: Settings, staged: Path, manifest: Manifest, claim: str) -> None:
        self._settings = settings
        self._staged = staged
        self._manifest = manifest
        self._claim = claim
        self._keys = Keys(settings.namespace or manifest.id)

    async def run(self) -> Settled:
        async with AsyncExitStack() as leaving:
            is_log = self._manifest.engine == KIND_LOG
            here: Queue | None = None
            if is_log or not self._settings.redis_url:
                engine = await asyncio.to_thread(self._start)
                leaving.callback(engine.leave)
                keys = Keys(self._manifest.namespace) if is_log else self._keys
                here = await self._queue(leaving, engine, keys)
            if is_log and not self._settings.redis_url:
                assert here is not None
                return await settle(here)
            records: Records = records_of(here) if is_log and here else records_in(self._staged / KEYS_FOLDER)
            if not self._settings.redis_url:
                assert here is not None
                return await self._loaded(here, records)
            there = await asyncio.to_thread(begin(self._settings).ready)
            return await self._loaded(await self._queue(leaving, there, self._keys), records)

    def _start(self) -> EngineHandle:
        try:
            return begin(staged_settings(self._settings, self._staged)).ready()
        except EzError as error:
            wrote = self._manifest.engine_version or "another one"
            raise GiveUp(
                f"the engine here cannot read the state in this backup, written by {wrote}: {error}"
            ) from error

    async def _queue(self, leaving: AsyncExitStack, engine: EngineHandle, keys: Keys) -> Queue:
        connection = Connection(engine.address, client_name="ez-restore")
        await connection.open()
        leaving.push_async_callback(connection.close)
        queue = Queue(connection, keys)
        leaving.push_async_callback(queue.close)
        return queue

    async def _loaded(self, queue: Queue, records: Records) -> Settled:
        await take_namespace(queue, self._manifest.state, self._claim)
        notes = await load(queue, records)
        settled = await settle(queue)
        if not self._settings.redis_url:
            await queue.put("SET", queue.keys.state(), str(self._manifest.state))
        return msgspec.structs.replace(settled, notes=tuple(notes))


async def settle(queue: Queue) -> Settled:
    """Forget the hosts, and hand back what they held; for an engine that no host uses."""
    released = 0
    while ids := [one.decode() for one in await queue.read("ZRANGE", queue.keys.leased(), 0, _BATCH - 1)]:
        held = [Held(task.id, task.fence) for task in await queue.tasks(ids)]
        answers = await queue.release(held)
        released += len(answers)
        if not any(answer == "OK" for answer in answers):
            break  # an index that disagrees with the records: `ez fsck --repair` mends it
    for host in [name.decode() for name in await queue.read("ZRANGE", queue.keys.hosts(), 0, -1)]:
        await queue.put("DEL", queue.keys.host(host), queue.keys.claim(host))
    await queue.put("DEL", queue.keys.hosts())
    counts = await queue.counts()
    return Settled(sum(counts[name] for name in counts if name not in ("accepted", "purged", "lost")), released)
