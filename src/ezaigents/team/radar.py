"""The radar: which files running tasks mean to change, have read, have changed. Job: say it, and see who else is there.

It warns and stops nobody: that is what file leases are for (leases.py). What a task said counts while its claim holds,
and is forgotten an hour after its last word. Paths are those of the workspace, exactly; patterns mean nothing here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ezaigents.codec import from_pack, restored, storable
from ezaigents.engine import Arg
from ezaigents.errors import InputError
from ezaigents.queue import Queue
from ezaigents.team.scripts import scripts_with_shared

_log = logging.getLogger(__name__)
PATHS_MOST = 2000
"""Kept per task: beyond, the first ones stay."""
MEANS, READ, CHANGED = "means to change", "has read", "has changed"
_WORDS = {"i": MEANS, "r": READ, "w": CHANGED}
_OK, _FULL = "OK", "FULL"
SCRIPTS = {"touch": ("beside",), "untouch": (), "nearby": ("beside",)}


class Overlap(msgspec.Struct, frozen=True):
    """Two running tasks at one path, of which at least one changes it or means to.

    `task`, `agent`: the other. `theirs`, `ours`: "means to change", "has read" or "has changed".
    """

    path: str
    task: str
    agent: str
    theirs: str
    ours: str


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """What a task said of its files, `fence` being the attempt's. `full`: there were more than are kept.

    `progress_ms`: its last sign of progress, by the engine's clock.
    """

    fence: int
    agent: str
    place: str
    progress_ms: int
    full: bool
    means: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]


class Radar:
    """The radar of one namespace."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._scripts = scripts_with_shared(SCRIPTS)

    async def touch(
        self,
        task: str,
        fence: int,
        agent: str,
        place: str,
        *,
        means: Sequence[str] = (),
        reads: Sequence[str] = (),
        writes: Sequence[str] = (),
    ) -> list[Overlap]:
        """Say what a task is about to do, or did; returns the overlaps of all its files so far, at most 1,000.

        To change counts more than to mean to, and that more than to read: the strongest is kept. Of more than 2,000
        paths the first are kept, and the log says so. A claim that is over says nothing and is told nothing.
        Raises InputError for what is no path of the workspace, EngineDown.
        """
        how = dict.fromkeys(reads, "r") | dict.fromkeys(means, "i") | dict.fromkeys(writes, "w")
        word, overlaps = await self._touch(task, fence, agent, place, how)
        if word == _FULL:
            _log.warning("task %s is at more than %d files: the radar keeps the first of them", task, PATHS_MOST)
        return overlaps

    async def progress(self, task: str, fence: int) -> bool:
        """Say that a task goes on. Raises EngineDown.

        False, and nothing is changed, when nothing is known of this attempt (it was silent for an hour): it is to say
        its files again. So it is when its claim is over.
        """
        word, _ = await self._touch(task, fence, "", "", {})
        return word == _OK

    async def leave(self, task: str, fence: int) -> None:
        """Forget what this attempt said; what a later one said stays. Raises EngineDown."""
        await self._queue.run_script(self._scripts["untouch"], [task, str(fence)])

    async def look(self, place: str, paths: Iterable[str]) -> list[Overlap]:
        """Who is at files that somebody means to change; changes nothing. Raises InputError, EngineDown."""
        args: list[Arg] = [place, *map(_stored, dict.fromkeys(paths))]
        packed: bytes = await self._queue.run_script(self._scripts["nearby"], args)
        return [_overlap(row) for row in from_pack(packed, list[list[str]])]

    async def files(self, task_ids: Sequence[str]) -> dict[str, Touched]:
        """What tasks said, of those that said anything within the hour, whether they still run or not."""
        commands = [("HGETALL", self._queue.keys.touched(task_id)) for task_id in task_ids]
        hashes = await self._queue.read_many(commands)
        return {task_id: _touched(fields) for task_id, fields in zip(task_ids, hashes, strict=True) if fields}

    async def _touch(
        self, task: str, fence: int, agent: str, place: str, how: dict[str, str]
    ) -> tuple[str, list[Overlap]]:
        args: list[Arg] = [task, str(fence), agent, place, PATHS_MOST]
        for path, word in how.items():
            args += (_stored(path), word)
        packed: bytes = await self._queue.run_script(self._scripts["touch"], args)
        word, rows = from_pack(packed, tuple[str, list[list[str]]])
        return word, [_overlap(row) for row in rows]


def _stored(path: str) -> str:
    """Fields that begin with `/` are the radar's own, so no path may."""
    if not path or path.startswith("/"):
        raise InputError("path", f"{path!r} is not relative to the workspace")
    return storable(path)


def _overlap(row: list[str]) -> Overlap:
    path, task, agent, theirs, ours = row
    return Overlap(restored(path), task, agent, _WORDS[theirs], _WORDS[ours])


def _touched(raw: Mapping[bytes, bytes]) -> Touched:
    fields = {field.decode(): value.decode() for field, value in raw.items()}
    paths: dict[str, list[str]] = {"i": [], "r": [], "w": []}
    for field in sorted(fields):
        if not field.startswith("/"):
            paths[fields[field]].append(restored(field))
    return Touched(
        fence=int(fields["/fence"]),
        agent=fields.get("/agent", ""),
        place=fields.get("/place", ""),
        progress_ms=int(fields["/progress"]),
        full="/full" in fields,
        means=tuple(paths["i"]),
        reads=tuple(paths["r"]),
        writes=tuple(paths["w"]),
    )
