"""Following a run. Job: turn the event stream into progress until the last task has ended. Not its job: showing it.

Events are hints and the stream is capped: after each one, and every few seconds, the run's own counts are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from ezaigents.engine import Arg, Connection
from ezaigents.errors import EngineDown, InputError, TaskGone
from ezaigents.queue import Queue
from ezaigents.records import PatchState, RunCounts, TaskState

_BLOCK_MS = 2000
"""An idle reader comes back this often to read the counts, so a lost hint costs this much."""
_PAUSE_S = 0.05
EVENTS_MOST = 500
"""In one look. Where there are as many, there may be more, and some may have been forgotten before."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Some tasks of a run reached a state, or the patch of one did. `at_ms` is the engine's time.

    `id`: its place in the stream of events; ids rise, and are compared as `(milliseconds, number)`.
    `patch`: where the patch of the one task stands now; none = the event is about the tasks' own state.
    """

    run: str
    state: TaskState
    tasks: tuple[str, ...]
    at_ms: int
    patch: PatchState = PatchState.NONE
    id: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands. `news`: what happened since the last one; empty when nothing did for a while."""

    counts: RunCounts
    news: tuple[Event, ...] = ()


class _Stream:
    """A place in the stream of events."""

    def __init__(self, reader: Connection, key: str, since: str) -> None:
        self._reader = reader
        self._key = key
        self._since = since

    async def read(self, *block: Arg) -> list[Event]:
        """The next events, at most 500; none when there are none, or none came while it blocked."""
        while True:
            try:
                reply = await self._reader.call(
                    "XREAD", "COUNT", EVENTS_MOST, *block, "STREAMS", self._key, self._since
                )
            except EngineDown:
                await asyncio.sleep(_PAUSE_S)  # an engine that still loads is connected and refuses
                await self._reader.wait_up(60)
                continue
            entries = _entries(reply, self._key)
            if entries:
                self._since = entries[-1][0].decode()
            return [_event(entry_id, fields) for entry_id, fields in entries]


async def events(
    reader: Connection, queue: Queue, *, since: str = "$", quiet_s: float = _BLOCK_MS / 1000
) -> AsyncIterator[list[Event]]:
    """Yield events as they come, and an empty list after each `quiet_s`. Never ends; survives the engine's restart.

    `reader` is a connection of its own, because it waits inside the engine. `since`: an id of the stream,
    "$" = from now, "0" = all that is kept.
    """
    key = queue.keys.events()
    if since == "$":
        last = await reader.call("XREVRANGE", key, "+", "-", "COUNT", 1)
        since = last[0][0].decode() if last else "0"
    stream = _Stream(reader, key, since)
    while True:
        yield await stream.read("BLOCK", round(quiet_s * 1000))


async def watch_run(reader: Connection, queue: Queue, run_id: str) -> AsyncIterator[Progress]:
    """Yield the run's progress until nothing of it is open. Raises TaskGone when the run is not known."""
    run = await queue.run(run_id)
    if run is None:
        raise TaskGone(run_id)
    yield Progress(counts=run.counts)
    if run.counts.open == 0:
        return
    loop = asyncio.get_running_loop()
    looked_s = loop.time()
    stream = _Stream(reader, queue.keys.events(), f"{run.accepted_ms - 1}-0")
    while run is not None and run.counts.open:
        batch = await stream.read("BLOCK", _BLOCK_MS)
        news = [event for event in batch if event.run == run_id]
        if batch and not news and loop.time() < looked_s + _BLOCK_MS / 1000:
            continue
        looked_s = loop.time()
        run = await queue.run(run_id)
        while run is not None and run.counts.open == 0 and batch:
            # What the counts tell already the stream holds by now.
            batch = await stream.read()
            news += [event for event in batch if event.run == run_id]
        if run is not None:
            yield Progress(counts=run.counts, news=tuple(news))


async def events_after(queue: Queue, event_id: str) -> list[Event] | None:
    """The events after this one; None where the stream, which is capped, may have lost some of them."""
    first = await queue.read("XRANGE", queue.keys.events(), "-", "+", "COUNT", 1)
    if first and place_of_event(first[0][0].decode()) > place_of_event(event_id):
        return None
    entries = await queue.read("XRANGE", queue.keys.events(), f"({event_id}", "+")
    return [_event(entry_id, fields) for entry_id, fields in entries]


def place_of_event(event_id: str) -> tuple[int, int]:
    """An event's id as what it is compared by. Raises InputError for what is none."""
    at_ms, _, number = event_id.partition("-")
    parts = (at_ms, number)
    if not all(part.isascii() and part.isdigit() and len(part) <= 20 and int(part) < 2**64 for part in parts):
        raise InputError("event id", f"{event_id[:80]!r} has not the form MILLISECONDS-NUMBER")
    return int(at_ms), int(number)


def _entries(reply: object, key: str) -> list[tuple[bytes, list[bytes]]]:
    if isinstance(reply, dict):
        return list(reply.get(key.encode(), []))
    return []


def _event(entry_id: bytes, fields: list[bytes]) -> Event:
    pairs = dict(zip(fields[::2], fields[1::2], strict=True))
    return Event(
        run=pairs[b"r"].decode(),
        state=TaskState(pairs[b"s"].decode()),
        tasks=tuple(pairs[b"t"].decode().split()),
        at_ms=int(entry_id.split(b"-")[0]),
        patch=PatchState(pairs.get(b"p", b"none").decode()),
        id=entry_id.decode(),
    )
