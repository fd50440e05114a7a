"""The state of one namespace, key by key: for an engine whose files are not ours. Job: read it out, load it, rebuild.

Keys that are read one after the other are no picture of one moment. What makes them one is which are read: the task's
record is the truth about a task and is read at one moment; indexes, counts and what belongs to living hosts are not
read at all, and made again from the records (`queue.fsck`). A task accepted before this began is there, since a scan
returns every key that is there all along; one accepted meanwhile may be, and then its run and its parents are too.
Numbers that only rise, `seq` and `fence`, are read last.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ezaigents.backup.records import READS, Record, Records, check_record, content_of, writes
from ezaigents.backup.writing import ArchiveWriter
from ezaigents.budget.fsck import mend_budget
from ezaigents.codec import from_pack, to_pack
from ezaigents.engine import Connection, begin
from ezaigents.queue import Keys, Queue
from ezaigents.queue.fsck import repair, scan, sort_of
from ezaigents.settings import Settings

_KEPT = frozenset({
    "t:", "run:", "paused", "state", "recent:", "read:", "sent:", "messages:", "budget:", "budgets", "hold:", "holds",
    "settled:",
})  # fmt: skip
"""Sorts of keys that hold what cannot be made again. Besides them `n`, and `seq` and `fence`, each in its turn."""
_BATCH = 200
_CHUNK_BYTES = 4 * 1024 * 1024


def add_keys(archive: ArchiveWriter, settings: Settings, namespace: str) -> None:
    """Add the namespace's records as members `engine/keys.<n>`. Raises EngineDown."""
    engine = begin(settings).ready()

    async def read() -> None:
        async with Connection(engine.address, client_name="ez-backup") as connection:
            queue, number, chunk, size = Queue(connection, Keys(namespace)), 0, list[Record](), 0
            async for records in records_of(queue):
                chunk += records
                size += sum(len(record[0]) + 64 + _weight(record[3]) for record in records)
                if size > _CHUNK_BYTES:
                    archive.add(f"engine/keys.{number}", to_pack(chunk))
                    number, chunk, size = number + 1, [], 0
            archive.add(f"engine/keys.{number}", to_pack(chunk))
            await queue.close()

    asyncio.run(read())


async def records_of(queue: Queue) -> Records:
    """What there is in a namespace, some of it perhaps twice."""
    yield await _read(queue, ["n"])
    tasks, runs, wanted_runs, wanted_tasks = set[str](), set[str](), set[str](), set[str]()
    async for keys in scan(queue):
        names = [key[len(queue.keys.prefix) :].decode("utf-8", "surrogateescape") for key in keys]
        found = await _read(queue, [name for name in names if (sort := sort_of(name)) and sort.name in _KEPT])
        for name, _, _, content in found:
            if name.startswith("t:"):
                tasks.add(name)
                fields = dict(zip(content[::2], content[1::2], strict=True))
                wanted_runs.add(f"run:{fields.get(b'run', b'').decode()}")
                wanted_tasks.update(f"t:{parent.decode()}" for parent in fields.get(b"parents", b"").split())
            elif name.startswith("run:"):
                runs.add(name)
        yield found
    for missing in (wanted_runs - runs, wanted_tasks - tasks):
        yield await _read(queue, sorted(missing))
    yield await _read(queue, ["seq", "fence"])


async def records_in(folder: Path) -> Records:
    """What a backup holds, as it was unpacked. Raises MsgspecError, ValueError, RecursionError for a forged one."""
    number = 0
    while (path := folder / f"keys.{number}").exists():
        records = from_pack(path.read_bytes(), list[Record])
        for record in records:
            check_record(record)
        yield records
        number += 1


async def load(queue: Queue, records: Records) -> list[str]:
    """Write the records and rebuild everything that is made from them; returns what the rebuilding could not derive.

    To be called in a namespace that was taken (`namespace.py`).
    """
    counted: dict[bytes, bytes] = {}
    tasks = set[str]()
    async for batch in records:
        commands = []
        for record in batch:
            name, _, expires_ms, content = record
            if name == "n":
                counted = dict(zip(content[::2], content[1::2], strict=True))
            elif name != "state" and not 0 < expires_ms < time.time() * 1000:
                commands += [("DEL", queue.keys.prefix + name), *writes(queue.keys.prefix + name, record)]
            if name.startswith("t:"):
                tasks.add(name)
        for start in range(0, len(commands), 5 * _BATCH):
            await queue.read_many(commands[start : start + 5 * _BATCH])
    gone = {name: int(counted.get(name.encode(), b"0")) for name in ("purged", "lost")}
    accepted = len(tasks) + sum(gone.values())
    await queue.put(
        "HSET", queue.keys.counters(), "accepted", accepted, *[part for pair in gone.items() for part in pair]
    )
    said = [*await repair(queue), *await mend_budget(queue)]
    return [line for line in said if "LOST" in line]


async def _read(queue: Queue, names: list[str]) -> list[Record]:
    """Each key at one moment; those that are gone are left out."""
    found: list[Record] = []
    for start in range(0, len(names), _BATCH):
        part = [(name, sort) for name in names[start : start + _BATCH] if (sort := sort_of(name))]
        commands = []
        for name, sort in part:
            verb, rest = READS[sort.type]
            commands.append((verb, queue.keys.prefix + name, *rest))
        commands += [("PTTL", queue.keys.prefix + name) for name, sort in part if sort.mortal]
        replies = await queue.read_many(commands)
        now_ms, lives = round(time.time() * 1000), iter(replies[len(part) :])
        for (name, sort), reply in zip(part, replies, strict=False):
            life_ms = next(lives) if sort.mortal else 0
            content = content_of(sort.type, reply)
            if content is not None:
                found.append((name, sort.type, now_ms + life_ms if life_ms > 0 else 0, content))
    return found


def _weight(content: Any) -> int:
    if isinstance(content, bytes):
        return len(content)
    return (
        sum(_weight(part) for part in content) if isinstance(content, Iterable) and not isinstance(content, str) else 8
    )
