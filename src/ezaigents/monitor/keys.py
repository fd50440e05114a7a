"""What lies in the engine, by sort of key. Job: how many, how many bytes, with which life; bounded work.

Few keys are all looked at. Of many, each look takes the next 2,000 of the engine's own order, which is that of a hash:
shares of them stand for shares of all, and what is known otherwise (counters, indexes, names) is taken from there. A
figure that is not counted says so, with the size of its sample. Sizes are those of MEMORY USAGE, which itself looks at
five elements of a large collection. docs/engine-keys.md says what each sort is.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ezaigents.engine import EngineRefusal
from ezaigents.monitor.sample import How, KeyRow, Life
from ezaigents.queue.fsck import ALL_SORTS, sort_of

if TYPE_CHECKING:
    from ezaigents.engine import Arg, Reply
    from ezaigents.queue import Queue

_SLICE = 2000
_STEP = 500
_ENDS_MOST = 2
"""A slice that comes to the end goes on at the beginning, and no further: most keys may have gone meanwhile."""
_SIZED_MOST = 16
_TASKS_SIZED_MOST = 64
"""Tasks are most of what there is, and say whose they are."""
TASK = "t:"
_INDEXES = {"ready:": ("SCARD", "waiting"), "host:": ("ZCARD", "hosts"), "lock:": ("ZCARD", "locks"),
            "want:": ("ZCARD", "wants"), "budget:": ("ZCARD", "budgets"), "hold:": ("ZCARD", "holds")}  # fmt: skip
"""Sorts whose keys an index counts."""


class Sized(msgspec.Struct, frozen=True):
    """One key that was looked at. `mortal`: it has a time to live. `owner`: the agent of a task, else ""."""

    name: str
    bytes: int
    mortal: bool
    owner: str = ""


class KeyLook(msgspec.Struct, frozen=True, kw_only=True):
    """`seen`: keys of this look's slice; `total`: of the engine's database, others' too. `sized`: by sort.

    `why`: what kept us from sizing them, "" = nothing did.
    """

    total: int
    seen: int
    rows: tuple[KeyRow, ...]
    sized: Mapping[str, Sequence[Sized]]
    why: str = ""


class KeyWatch:
    """Looks at the keys of one namespace; the next look goes on where the last one stopped."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._cursor: bytes | str = "0"
        self._refused = ""

    async def look(self, named: Mapping[str, Sequence[str]], tasks: int) -> KeyLook:
        """Look once. `named`: keys known by name, by sort, all of that sort. `tasks`: so many tasks are kept.

        Raises EngineDown.
        """
        total = int(await self._queue.read("DBSIZE"))
        whole = total <= _SLICE
        names = await self._slice("0" if whole else self._cursor, whole=whole)
        by_sort = self._by_sort(names)
        chosen = {sort: found[: _TASKS_SIZED_MOST if sort == TASK else _SIZED_MOST] for sort, found in by_sort.items()}
        if not whole:
            chosen |= {sort.name: [sort.name] for sort in ALL_SORTS if not sort.name.endswith(":")}
        for sort_name, known in named.items():
            chosen[sort_name] = list(dict.fromkeys([*known, *chosen.get(sort_name, ())]))
        sized = await self._size(chosen)
        exact: dict[str, int] = {}
        if not whole:
            exact = {TASK: tasks, **await self._indexed()}
            exact |= {sort: len(sized[sort]) for sort in chosen if sort in named or not sort.endswith(":")}
        rows = []
        for sort in ALL_SORTS:
            share = len(by_sort.get(sort.name, ()))
            guess = share if whole else round(share * total / max(1, len(names)))
            keys = exact.get(sort.name, guess)
            if keys:
                how: How = "counted" if whole or sort.name in exact else "estimated"
                rows.append(_row(sort.name, keys, how, sized.get(sort.name, ())))
        return KeyLook(total=total, seen=len(names), rows=tuple(rows), sized=sized, why=self._refused)

    async def _slice(self, cursor: bytes | str, *, whole: bool) -> list[str]:
        """The names of the next keys, each once; of all of them where that is asked for."""
        found: set[bytes] = set()
        ends = 0
        while ends < (1 if whole else _ENDS_MOST) and (whole or len(found) < _SLICE):
            cursor, keys = await self._queue.read("SCAN", cursor, "COUNT", _STEP)
            found.update(keys)
            ends += cursor == b"0"
        self._cursor = cursor
        return [name.decode("utf-8", "replace") for name in found]

    def _by_sort(self, names: Sequence[str]) -> dict[str, list[str]]:
        prefix = self._queue.keys.prefix
        found: dict[str, list[str]] = {}
        for name in names:
            if name.startswith(prefix) and (sort := sort_of(name[len(prefix) :])) is not None:
                found.setdefault(sort.name, []).append(name[len(prefix) :])
        return found

    async def _indexed(self) -> dict[str, int]:
        prefix = self._queue.keys.prefix
        counts = await self._queue.read_many([(word, f"{prefix}{name}") for word, name in _INDEXES.values()])
        return dict(zip(_INDEXES, map(int, counts), strict=True))

    async def _size(self, chosen: Mapping[str, Sequence[str]]) -> dict[str, list[Sized]]:
        """The keys that are still there, with their sizes; none where the engine's user may not ask for them."""
        prefix = self._queue.keys.prefix
        keys = [(sort, name) for sort, found in chosen.items() for name in found]
        commands: list[tuple[Arg, ...]] = []
        for sort, name in keys:
            key = f"{prefix}{name}"
            commands += [("MEMORY", "USAGE", key), ("PTTL", key)]
            if sort == TASK:
                commands.append(("HGET", key, "lane"))
        found: dict[str, list[Sized]] = {sort: [] for sort in chosen}
        if self._refused:
            return found
        try:
            replies = iter(await self._queue.read_many(commands))
        except EngineRefusal as refusal:
            self._refused = f"this engine's user may not ask for the size of a key ({refusal.code})"
            return found
        for sort, name in keys:
            size, ttl_ms = itertools.islice(replies, 2)
            lane = next(replies) if sort == TASK else None
            if size is not None:
                found[sort].append(Sized(name, int(size), int(ttl_ms) >= 0, _agent(lane)))
        return found


def _agent(lane: Reply) -> str:
    return lane.decode("utf-8", "replace").partition("@")[0] if lane else ""


def _row(sort: str, keys: int, how: How, sized: Sequence[Sized]) -> KeyRow:
    total, mortal = sum(one.bytes for one in sized), sum(one.mortal for one in sized)
    life: Life = "some"
    if not sized:
        life = "unknown"
    elif mortal in (0, len(sized)):
        life = "all" if mortal else "none"
    return KeyRow(
        sort=sort,
        keys=keys,
        keys_how=how,
        bytes=round(total * keys / len(sized)) if sized else None,
        bytes_how="counted" if len(sized) == keys and how == "counted" else "estimated",
        sampled=len(sized),
        life=life,
    )
