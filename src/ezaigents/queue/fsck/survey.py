"""Reading the whole namespace once. Job: walk every key, audit every task in the engine, add up. Not its job: judging.

Tasks are audited by a script, some hundred at a time: each is compared with its indexes at one moment, so moving
tasks are never mistaken for misplaced ones, and only what is wrong travels. A million tasks take well under a minute.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from ezaigents.codec import from_pack
from ezaigents.ids import ID_LENGTH
from ezaigents.policy import CrashPolicy
from ezaigents.queue.fsck.names import Sort, sort_of
from ezaigents.queue.fsck.report import Ledger, add_counts
from ezaigents.queue.queue import Queue
from ezaigents.queue.scripts import Script

_SCAN_COUNT = 1000
_AUDIT_BATCH = 200
"""Tasks in one call: about 2 ms, during which no host is served."""


class Survey:
    """What was seen: sums over all tasks, and the names of all other keys by sort.

    `runs`: per run, tasks by state, and under `lane` a lane of one of them.
    """

    def __init__(self) -> None:
        self.tasks: set[bytes] = set()
        self.states: dict[str, int] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.lanes: dict[str, int] = {}
        self.sums: dict[str, int] = {}
        self.leased: dict[str, str] = {}
        self.top = {"seq": 0, "fence": 0}
        self.names: dict[str, set[str]] = {}

    def of(self, sort: str) -> set[str]:
        """The members of a family, such as the lanes of `ready:`; or the one name itself."""
        return self.names.get(sort, set())

    def add(self, audited: list[Any], ledger: Ledger) -> None:
        """Take in one answer of audit.lua."""
        states, runs, lanes, sums, leased, findings = audited
        add_counts(self.states, states or {})
        add_counts(self.lanes, lanes or {})
        for name, top in self.top.items():
            self.top[name] = max(top, int(sums.pop(name)))
        add_counts(self.sums, sums)
        for run, seen in (runs or {}).items():
            mine = self.runs.setdefault(run, {"lane": seen["lane"]})
            add_counts(mine, {name: count for name, count in seen.items() if name != "lane"})
        leased = leased or []
        self.leased.update(zip(leased[::2], leased[1::2], strict=True))
        for invariant, task_id, text in findings or ():
            ledger.note(invariant, task_id, text)


async def survey(queue: Queue, audit: Script, ledger: Ledger, *, plain: bool = False) -> Survey:
    """Walk every key of the namespace; keys of unknown name, type or life are noted, and left out of the Survey."""
    seen = Survey()
    suspect_at = CrashPolicy().crashes_to_suspect
    under_way: asyncio.Task[Any] | None = None
    async for keys in scan(queue):
        task_ids, others = _sorted_out(keys, len(queue.keys.prefix), ledger, plain=plain)
        fresh = [task_id for task_id in task_ids if task_id not in seen.tasks]
        seen.tasks.update(fresh)
        for start in range(0, len(fresh), _AUDIT_BATCH):
            args = [suspect_at, *fresh[start : start + _AUDIT_BATCH]]
            ahead = asyncio.ensure_future(queue.run_script(audit, args))
            if under_way is not None:
                seen.add(from_pack(await under_way, list[Any]), ledger)
            under_way = ahead
        await _note_others(queue, others, seen, ledger)
    if under_way is not None:
        seen.add(from_pack(await under_way, list[Any]), ledger)
    return seen


async def scan(queue: Queue) -> AsyncIterator[list[bytes]]:
    """Yield all keys of the namespace, some of them perhaps twice."""
    pattern = re.sub(r"([*?\[\]\\])", r"\\\1", queue.keys.prefix) + "*"
    cursor = b"0"
    while True:
        cursor, keys = await queue.read("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT)
        yield keys
        if cursor == b"0":
            return


def _sorted_out(
    keys: list[bytes], prefix_length: int, ledger: Ledger, *, plain: bool
) -> tuple[dict[bytes, None], list[tuple[str, Sort]]]:
    """Ids of tasks, and the other keys (name without the namespace, sort)."""
    tasks: dict[bytes, None] = {}
    others = []
    for key in keys:
        raw = key[prefix_length:]
        if raw.startswith(b"t:") and len(raw) == 2 + ID_LENGTH:
            tasks[raw[2:]] = None
            continue
        name = raw.decode("utf-8", "backslashreplace")
        sort = sort_of(name, plain=plain)
        if sort is None or sort.name == "t:":
            ledger.note("names", name, "is a key that nothing here makes")
        else:
            others.append((name, sort))
    return tasks, others


async def _note_others(queue: Queue, others: list[tuple[str, Sort]], seen: Survey, ledger: Ledger) -> None:
    prefix = queue.keys.prefix
    types = await queue.read_many([("TYPE", prefix + name) for name, _ in others])
    lives = await queue.read_many([("PTTL", prefix + name) for name, _ in others])
    for (name, sort), kind, life_ms in zip(others, types, lives, strict=True):
        if kind.decode() == "none":
            continue
        if kind.decode() != sort.type:
            ledger.note("names", name, f"is a {kind.decode()} and should be a {sort.type}")
            continue
        if sort.mortal and life_ms == -1:
            ledger.note("life", name, "would never expire")
        elif not sort.mortal and life_ms >= 0:
            ledger.note("life", name, f"would expire in {life_ms} ms")
        member = name[len(sort.name) :] if sort.name.endswith(":") else name
        seen.names.setdefault(sort.name, set()).add(member)
