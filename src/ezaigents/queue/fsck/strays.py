"""Members that do not belong: the way from the indexes back to the records. Job: find them, each batch at one moment.

Used only where a count shows that there are some. Not its job: removing them (repair).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from ezaigents.queue.queue import Queue
from ezaigents.records import TERMINAL_STATES

_BATCH = 500
INDEXES = ("delayed", "leased", "blocked", "ended", "dead", "deadline", "fanout")
_ENDED = frozenset(state.value for state in TERMINAL_STATES)
Fields = dict[str, str]
"""What a record says of state, lane, deadline, parents and key; empty when it is gone."""


def belongs(index: str, record: Fields) -> bool:
    """Say whether a task with this record has its place in the index (a key's name without the namespace)."""
    state = record.get("state", "")
    if index.startswith("ready:"):
        return state == "ready" and record.get("lane") == index[len("ready:") :]
    match index:
        case "ended":
            return state in _ENDED and state != "dead"
        case "deadline":
            return bool(state) and state not in _ENDED and "deadline" in record
        case "fanout":
            return state in _ENDED
        case _:
            return state == index


async def strays(queue: Queue, index: str) -> AsyncIterator[str]:
    """Yield ids in an index that do not belong there."""
    key = queue.keys.prefix + index
    async for ids in _members(queue, "ZSCAN", key):
        async for task_id, record in _checked(queue, ids, lambda task_id: ("ZSCORE", key, task_id)):
            if not belongs(index, record) and not (index == "fanout" and await _lost_parent(queue, task_id, record)):
                yield task_id


async def stray_children(queue: Queue, family: str, parent: str) -> AsyncIterator[str]:
    """Yield ids in `child:<parent>` or `waits:<parent>` that do not wait for it."""
    key = f"{queue.keys.prefix}{family}{parent}"
    async for ids in _members(queue, "SSCAN", key):
        async for task_id, record in _checked(queue, ids, lambda task_id: ("SISMEMBER", key, task_id)):
            right = "waits:" if record.get("rule") == "wait" else "child:"
            waits = record.get("state") == "blocked" and parent in record.get("parents", "").split()
            if not waits or family != right:
                yield task_id


async def stray_keys(queue: Queue, keys: list[str]) -> AsyncIterator[tuple[str, str]]:
    """Yield (idempotency key, the id it names) where no task of this id has this key."""
    for start in range(0, len(keys), _BATCH):
        part = keys[start : start + _BATCH]
        raw = await queue.read_many([("GET", queue.keys.idempotency(key)) for key in part])
        ids = [(value or b"").decode("utf-8", "replace")[:18] for value in raw]
        owned = await queue.read_many([("HGET", queue.keys.task(task_id), "key") for task_id in ids])
        for key, task_id, own, value in zip(part, ids, owned, raw, strict=True):
            if value is not None and (own or b"").decode("utf-8", "replace") != key:
                yield key, task_id


async def _members(queue: Queue, command: str, key: str) -> AsyncIterator[list[str]]:
    cursor = b"0"
    while True:
        cursor, found = await queue.read(command, key, cursor, "COUNT", _BATCH)
        step = 2 if command == "ZSCAN" else 1
        yield [member.decode("utf-8", "replace") for member in found[::step]]
        if cursor == b"0":
            return


async def _checked(
    queue: Queue, ids: list[str], membership: Callable[[str], tuple[str, ...]]
) -> AsyncIterator[tuple[str, Fields]]:
    """Yield those still in the index, with what their records say at the same moment."""
    names = ("state", "lane", "deadline", "parents", "rule")
    commands: list[tuple[Any, ...]] = [("MULTI",)]
    for task_id in ids:
        commands += (membership(task_id), ("HMGET", queue.keys.task(task_id), *names))
    answers = (await queue.read_many([*commands, ("EXEC",)]))[-1]
    for task_id, there, values in zip(ids, answers[::2], answers[1::2], strict=True):
        if there is not None and there != 0:
            found = zip(names, values if isinstance(values, list) else [], strict=False)
            yield task_id, {name: raw.decode("utf-8", "replace") for name, raw in found if raw is not None}


async def _lost_parent(queue: Queue, task_id: str, record: Fields) -> bool:
    """A parent whose record is lost stays in the fan-out until its children are told."""
    sets = (queue.keys.children(task_id), queue.keys.waiters(task_id))
    return not record and bool(await queue.read("EXISTS", *sets))
