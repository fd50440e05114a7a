"""The old server's entries, in the order in which they are to be done. Job: read them, number them, say which repeat.

Bounded memory: a window of at most 1 MiB (and one entry) at a time. Not its job: what they ask for (entries).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import msgspec

from ezaigents.codec import printable, to_json
from ezaigents.legacy.entries import OldEntry, todo_id
from ezaigents.legacy.names import READ, REPEATING, KeyClass, Part, class_of
from ezaigents.legacy.server import noted_key, pairs_of, taken_from

if TYPE_CHECKING:
    from ezaigents.legacy.report import ImportReport
    from ezaigents.legacy.scratch import Scratch
    from ezaigents.legacy.server import OldServer

WINDOW_ENTRIES = 500
WINDOW_BYTES = 1024 * 1024
_OURS = "ours"
_DONE = "todo done"
_WAITING = b"pending"


class Found(msgspec.Struct, frozen=True):
    """An entry; `passed_over`: why it is not looked at any more, as the name of a count of KeyRow, "" = it is."""

    entry: OldEntry
    passed_over: str = ""


async def read_all(server: OldServer, scratch: Scratch, report: ImportReport, home: str) -> AsyncIterator[list[Found]]:
    """Yield every entry of the keys in `scratch`, window by window. `home`: the id of our data folder, "" = none."""
    if home:
        await _note_ours(server, scratch, home)
    await _note_done_todos(server, scratch)
    for part in READ:
        for key, found in scratch.keys_of(part):
            windows = _of_hash(server, key, found) if found.type == "hash" else _of_list(server, key, found, report)
            async for window in windows:
                yield [_numbered(scratch, entry) for entry in window]


async def _of_list(server: OldServer, key: str, found: KeyClass, report: ImportReport) -> AsyncIterator[list[OldEntry]]:
    """From the tail, where the oldest is. What producers add at the head meanwhile does not move it."""
    name = key.encode("utf-8", "surrogateescape")
    size, at = await server.call("LLEN", name), 0
    while at < size:
        raws = await server.run("window", [name], at, min(WINDOW_ENTRIES, size - at), WINDOW_BYTES)
        if not raws:
            break
        at += len(raws)
        yield [OldEntry(part=found.part, key=key, lane=found.lane, level=found.level, raw=raw) for raw in raws]
    if await server.call("LLEN", name) != size:
        report.grown.append(printable(key))


async def _of_hash(server: OldServer, key: str, found: KeyClass) -> AsyncIterator[list[OldEntry]]:
    name = key.encode("utf-8", "surrogateescape")
    if found.part is Part.PROJECT:
        fields = pairs_of(await server.call("HGETALL", name))
        if fields.get(b"status", _WAITING) == _WAITING:
            yield [OldEntry(part=found.part, key=key, lane="", field="*", raw=_as_json(key, fields))]
        return
    cursor = b"0"
    while True:
        cursor, pairs = await server.call("HSCAN", name, cursor, "COUNT", 100)
        yield [
            OldEntry(
                part=found.part, key=key, lane=found.lane, field=field.decode("utf-8", "surrogateescape"), raw=value
            )
            for field, value in pairs_of(pairs).items()
        ]
        if cursor == b"0":
            return


def _as_json(key: str, fields: dict[bytes, bytes] | object) -> bytes:
    """A plan's task, which is a hash, in the form it has in a queue."""
    assert isinstance(fields, dict)
    text = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in sorted(fields.items())}
    _, project, task = key.split(":", 2)
    return to_json({**text, "projectId": text.get("projectId") or project, "taskId": text.get("taskId") or task})


def _numbered(scratch: Scratch, entry: OldEntry) -> Found:
    if entry.field:
        twice = scratch.times("hash", entry.key, entry.field) > 1  # HSCAN may show a field twice
        return Found(entry, "repeats" if twice else "")
    if entry.part is Part.PROCESSING and scratch.forget_once(_OURS, entry.lane, entry.raw):
        return Found(entry, "ours")
    if entry.part is Part.TODOS_TAKEN and (name := todo_id(entry.raw)) and scratch.was_seen(_DONE, name):
        return Found(entry, "repeats")
    if entry.part in REPEATING and scratch.times("in processing", entry.lane, entry.raw) > 1:
        return Found(entry, "repeats")
    number = scratch.times("number", entry.lane, entry.level, entry.raw)
    return Found(msgspec.structs.replace(entry, number=number) if number > 1 else entry)


async def _note_ours(server: OldServer, scratch: Scratch, home: str) -> None:
    """What our bridge has taken shows in the processing lists, and is here already."""
    cursor = b"0"
    while True:
        cursor, pairs = await server.call("HSCAN", noted_key(home, "taken"), cursor, "COUNT", 100)
        for value in pairs_of(pairs).values():
            key, raw = taken_from(value)
            scratch.times(_OURS, lane_of_key(key), raw)
        if cursor == b"0":
            return


async def _note_done_todos(server: OldServer, scratch: Scratch) -> None:
    """The list of todos at work is never cleared there; those that are done are known by their ids."""
    for key, _ in scratch.keys_of(Part.TODOS_DONE):
        at = 0
        while raws := await server.run("window", [key], at, WINDOW_ENTRIES, WINDOW_BYTES):
            at += len(raws)
            for name in _ids(raws):
                scratch.times(_DONE, name)


def _ids(raws: list[bytes]) -> Iterator[str]:
    return (name for raw in raws if (name := todo_id(raw)))


def lane_of_key(key: str) -> str:
    """The queue to which a list of one priority, or the whole queue, belongs."""
    return class_of(key).lane
