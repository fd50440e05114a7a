"""Is what this room keeps in the engine consistent? Job: look at file leases and the line, name what disagrees.

It changes nothing, and may run beside hosts at work: each lease is compared with its index at one moment. What ended
and was not yet tidied away is in order: that is done by whoever takes leases next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable

import msgspec

from ezaigents.engine import Reply
from ezaigents.queue import Queue
from ezaigents.team.leases import SCRIPTS
from ezaigents.team.scripts import scripts_with_shared

Note = Callable[[str, str, str], None]
"""(invariant, what: a key without its namespace, text)"""
LOCKS = "locks"
_BATCH = 500
_WILDCARDS = (b"*", b"?")


class _Lease(msgspec.Struct, frozen=True):
    """A lease's key and place in the index, as they were at one moment; what is not there is None."""

    name: str
    score: int | None
    until: int | None
    fence: int | None
    pattern: bytes

    @property
    def gone(self) -> bool:
        """It ended between being listed and being read."""
        return self.score is None and self.until is None


async def judge_team(queue: Queue, note: Note) -> None:
    """Check the invariant "locks". Raises EngineDown."""
    listed = [name.decode() for name in await queue.read("ZRANGE", queue.keys.locks(), 0, -1)]
    found = [name async for name in _names(queue, queue.keys.lock(""))]
    by_fence: dict[int, str] = {}
    wild: list[str] = []
    async for lease, now_ms, top in _leases(queue, sorted({*listed, *found})):
        for text in _faults(lease, now_ms, top):
            note(LOCKS, f"lock:{lease.name}", text)
        if lease.fence is not None and by_fence.setdefault(lease.fence, lease.name) != lease.name:
            note(LOCKS, f"lock:{lease.name}", f"has fence {lease.fence}, as lock:{by_fence[lease.fence]} does")
        wild += [lease.name] if any(wildcard in lease.pattern for wildcard in _WILDCARDS) else []
    await _judge_rivals(queue, wild, note)
    await _judge_line(queue, note)


def _faults(lease: _Lease, now_ms: int, top: int) -> Iterable[str]:
    if lease.gone:
        return
    if lease.score is None:
        yield "is not in locks"
    elif lease.until is None and lease.score > now_ms:
        yield f"is in locks until {lease.score}, and there is no such lease"
    elif lease.until is not None and lease.until != lease.score:
        yield f"ends at {lease.until}, in locks at {lease.score}"
    if lease.until is not None and lease.fence is None:
        yield "has no fence"
    if lease.fence is not None and lease.fence > top:
        yield f"has fence {lease.fence}, above the highest given out, {top}"


async def _judge_rivals(queue: Queue, wild: list[str], note: Note) -> None:
    """Two leases can only cover a common path where one of them has wildcards: else they would be the same key."""
    script = scripts_with_shared({"rivals": SCRIPTS["rivals"]})["rivals"]
    for name in wild:
        for other in await queue.run_script(script, [name]):
            note(LOCKS, f"lock:{name}", f"covers a path that lock:{other.decode()}, of another holder, covers too")


async def _judge_line(queue: Queue, note: Note) -> None:
    """Whoever is in the line without a `want:` was silent for too long; the other way round nobody would serve him."""
    async for ticket in _names(queue, queue.keys.want("")):
        pair = (("ZSCORE", queue.keys.wants(), ticket), ("EXISTS", queue.keys.want(ticket)))
        order, there = (await queue.read_many([("MULTI",), *pair, ("EXEC",)]))[-1]
        if order is None and there:
            note(LOCKS, f"want:{ticket}", "is not in wants")


async def _leases(queue: Queue, names: list[str]) -> AsyncIterator[tuple[_Lease, int, int]]:
    """Yield each lease with the time and the highest fence of the moment it was read at."""
    keys = queue.keys
    for start in range(0, len(names), _BATCH):
        part = names[start : start + _BATCH]
        commands: list[tuple[str, ...]] = [("MULTI",), ("TIME",), ("GET", keys.fence())]
        for name in part:
            commands += (("ZSCORE", keys.locks(), name), ("HMGET", keys.lock(name), "until", "fence", "pattern"))
        (seconds, micros), top, *rows = (await queue.read_many([*commands, ("EXEC",)]))[-1]
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        for name, score, fields in zip(part, rows[::2], rows[1::2], strict=True):
            yield _lease(name, score, fields), now_ms, int(top or 0)


def _lease(name: str, score: Reply, fields: Reply) -> _Lease:
    until, fence, pattern = fields
    return _Lease(name, _whole(score), _whole(until), _whole(fence), pattern or b"")


def _whole(value: Reply) -> int | None:
    return None if value is None else int(value)


async def _names(queue: Queue, prefix: str) -> AsyncIterator[str]:
    cursor: Reply = b"0"
    while True:
        cursor, found = await queue.read("SCAN", cursor, "MATCH", f"{_literally(prefix)}*", "COUNT", 1000)
        for key in found:
            yield key.decode()[len(prefix) :]
        if cursor == b"0":
            return


def _literally(prefix: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix)
