"""The repair. Job: rebuild every index, counter and run count from the tasks' records, and say what it changed.

It must run without a host: a task that is moved while it is looked at cannot be harmed (each is mended in the engine,
at one moment), but counters are written only if no task moved while they were counted, and a leased task missing in
the index is put back at once. A record that is damaged or lost cannot be mended; lost ones are accounted for, loudly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ezaigents.codec import from_pack, to_pack
from ezaigents.errors import RetryLater
from ezaigents.policy import CrashPolicy
from ezaigents.queue.fsck.check import NAMES, stamp
from ezaigents.queue.fsck.names import MORTAL_MOST_MS, Sort, sort_of
from ezaigents.queue.fsck.report import Ledger
from ezaigents.queue.fsck.strays import INDEXES, stray_children, strays
from ezaigents.queue.fsck.survey import Survey, scan, survey
from ezaigents.queue.queue import Queue
from ezaigents.queue.scripts import load_scripts
from ezaigents.records import TERMINAL_STATES, TaskState

_BATCH = 200
_TRIES = 5
_ENDED = tuple(state.value for state in TaskState if state in TERMINAL_STATES)


async def repair(queue: Queue, *, plain: bool = False) -> list[str]:
    """Mend what can be mended; returns what was changed, a line each. No host may be at work.

    `plain`: as `check` has it. Raises RetryLater when tasks keep moving, EngineDown.
    """
    return await _Repair(queue, plain=plain).run()


class _Repair:
    def __init__(self, queue: Queue, *, plain: bool) -> None:
        self._queue = queue
        self._plain = plain
        self._keys = queue.keys
        self._scripts = load_scripts(names=NAMES)
        self._suspect_at = CrashPolicy().crashes_to_suspect
        self._said: list[str] = []

    async def run(self) -> list[str]:
        await self._mend_lives()
        seen = await self._survey()
        await self._mend_tasks(seen)
        await self._mend_strays(seen)
        await self._mend_numbers(seen)
        await self._mend_keys_and_lanes(await self._survey())
        for _ in range(_TRIES):
            counted_under = await stamp(self._queue, self._scripts["recount"])
            if await self._recount(await self._survey(), counted_under):
                return self._said
        raise RetryLater("tasks move while they are counted: stop the hosts with `ez down`, then repair again")

    async def _survey(self) -> Survey:
        return await survey(self._queue, self._scripts["audit"], Ledger(), plain=self._plain)

    async def _apply(self, name: str, items: Sequence[Any], lead: Sequence[Any] = ()) -> None:
        """Run a mending script over items, in batches, and note what it says it changed."""
        for start in range(0, len(items), _BATCH):
            part = items[start : start + _BATCH]
            answers = await self._queue.run_script(self._scripts[name], [*lead, *part])
            for item, answer in zip(part, answers, strict=True):
                if answer:
                    self._said.append(f"{_shown(item)}: {answer.decode('utf-8', 'backslashreplace')}")

    async def _mend_tasks(self, seen: Survey) -> None:
        ids = sorted(task_id.decode("utf-8", "replace") for task_id in seen.tasks)
        await self._apply("reindex", ids, [self._suspect_at])
        await self._apply("rejoin", ids)
        await self._apply("rekey", [to_pack(("task", task_id)) for task_id in ids])

    async def _mend_strays(self, seen: Survey) -> None:
        for lane in sorted(seen.of("ready:")):
            found = [f"{task_id} {lane}" async for task_id in strays(self._queue, f"ready:{lane}")]
            await self._apply("reindex", found, [self._suspect_at])
        for index in INDEXES:
            if seen.of(index):
                found = [task_id async for task_id in strays(self._queue, index)]
                if index == "fanout":
                    await self._apply("rejoin", [f"{task_id} *" for task_id in found])
                else:
                    await self._apply("reindex", found, [self._suspect_at])
        for family in ("child:", "waits:"):
            for parent in sorted(seen.of(family)):
                children = [child async for child in stray_children(self._queue, family, parent)]
                await self._apply("rejoin", [f"{child} {parent}" for child in children])

    async def _mend_numbers(self, seen: Survey) -> None:
        for key, top in ((self._keys.sequence(), seen.top["seq"]), (self._keys.fence(), seen.top["fence"])):
            raw = await self._queue.read("GET", key)
            if not (raw or b"0").isdigit() or int(raw or b"0") < top:
                await self._queue.put("SET", key, str(top))
                self._said.append(f"{key}: {(raw or b'nothing').decode('utf-8', 'backslashreplace')} -> {top}")
        for fence, count in Counter(seen.leased.values()).items():
            holders = sorted(task_id for task_id, held in seen.leased.items() if held == fence)
            for task_id in holders[1:] if count > 1 else ():
                fresh = await self._queue.put("INCR", self._keys.fence())
                await self._queue.put("HSET", self._keys.task(task_id), "fence", str(fresh))
                self._said.append(f"{task_id}: fence {fence} -> {fresh}; its holder has lost it")

    async def _mend_keys_and_lanes(self, seen: Survey) -> None:
        waiting = await self._queue.read("SMEMBERS", self._keys.waiting()) if seen.of("waiting") else ()
        lanes = seen.of("ready:") | {lane.decode() for lane in waiting}
        await self._apply("rekey", [to_pack(("lane", lane)) for lane in sorted(lanes)])
        await self._apply("rekey", [to_pack(("key", key)) for key in sorted(seen.of("key:"))])

    async def _mend_lives(self) -> None:
        """Keys with a life they should not have, or without the one they should; keys of the wrong type go."""
        async for found in scan(self._queue):
            named = [(key, self._sort_of(key)) for key in found]
            ours = [(key, sort) for key, sort in named if sort is not None]
            types = await self._queue.read_many([("TYPE", key) for key, _ in ours])
            lives = await self._queue.read_many([("PTTL", key) for key, _ in ours])
            for (key, sort), kind, life_ms in zip(ours, types, lives, strict=True):
                if kind.decode() not in (sort.type, "none"):
                    if sort.name == "t:":
                        continue  # whatever it is, it may be all that is left of a task: `check` names it
                    await self._queue.put("DEL", key)
                    self._said.append(f"{key.decode('utf-8', 'replace')}: was a {kind.decode()} and is removed")
                elif sort.mortal and life_ms == -1:
                    await self._queue.put("PEXPIRE", key, MORTAL_MOST_MS)
                    self._said.append(f"{key.decode('utf-8', 'replace')}: expires in an hour")
                elif not sort.mortal and life_ms >= 0:
                    await self._queue.put("PERSIST", key)
                    self._said.append(f"{key.decode('utf-8', 'replace')}: kept for ever")

    def _sort_of(self, key: bytes) -> Sort | None:
        return sort_of(key[len(self._keys.prefix) :].decode("utf-8", "replace"), plain=self._plain)

    async def _recount(self, seen: Survey, counted_under: str) -> bool:
        """Write the counters and the runs' counts; False when a task moved since they were counted."""
        rows, said = await self._counter_row(seen)
        run_rows, empty, run_said = await self._run_rows(seen)
        for start in range(0, max(1, len(run_rows)), _BATCH):
            part = [to_pack(row) for row in run_rows[start : start + _BATCH]]
            if await self._queue.run_script(self._scripts["recount"], [counted_under, *part]):
                return False
        for run in empty:
            await self._queue.put("DEL", self._keys.run(run))
        if rows and await self._queue.run_script(self._scripts["recount"], [counted_under, *map(to_pack, rows)]):
            return False
        self._said += [*run_said, *said]
        return True

    async def _counter_row(self, seen: Survey) -> tuple[list[tuple[str, list[str]]], list[str]]:
        raw = await self._queue.read("HGETALL", self._keys.counters())
        before = {name.decode(): value.decode("utf-8", "replace") for name, value in raw.items()}
        whole = {name: int(value) if value.lstrip("-").isdigit() else 0 for name, value in before.items()}
        present = sum(seen.states.values())
        after = {state.value: seen.states.get(state.value, 0) for state in TaskState}
        purged, lost = whole.get("purged", 0), whole.get("lost", 0)
        missing = whole.get("accepted", 0) - purged - lost - present
        after |= {"accepted": purged + lost + present + max(0, missing), "lost": lost + max(0, missing)}
        changed = {name: count for name, count in after.items() if str(count) != before.get(name, "0")}
        said = [f"counter {name}: {before.get(name, 0)} -> {count}" for name, count in changed.items()]
        if missing > 0:
            said.append(f"{missing} tasks are LOST: their records are gone, and nothing here can bring them back")
        for name in before.keys() - after.keys() - {"purged"}:
            await self._queue.put("HDEL", self._keys.counters(), name)
            said.append(f"counter {name}: removed, it is not one of ours")
        return [
            ("n", [text for name, count in changed.items() for text in (name, str(count))])
        ] if changed else [], said

    async def _run_rows(self, seen: Survey) -> tuple[list[tuple[str, list[str]]], list[str], list[str]]:
        rows, empty, said = [], [], []
        for run in sorted(seen.of("run:") | seen.runs.keys()):
            raw = await self._queue.read("HGETALL", self._keys.run(run))
            before = {name.decode(): value.decode("utf-8", "replace") for name, value in raw.items()}
            if run not in seen.runs:
                empty.append(run)
                said.append(f"run {run}: has no tasks and is removed")
                continue
            after = _run_counts(before, seen.runs[run]) | ({} if "at" in before else _bare_run(seen.runs[run]["lane"]))
            changed = {name: text for name, text in after.items() if text != before.get(name, "0")}
            if changed:
                rows.append((f"run:{run}", [text for pair in changed.items() for text in pair]))
                said.append(f"run {run}: " + ", ".join(f"{name} {text}" for name, text in changed.items()))
        return rows, empty, said


def _run_counts(before: dict[str, str], states: dict[str, Any]) -> dict[str, str]:
    """What a run must count. Which states its purged tasks had is taken from it where that can be true, else `done`."""
    present = sum(count for name, count in states.items() if name != "lane")
    ended = {state: int(states.get(state, 0)) for state in _ENDED}
    said = {state: int(before.get(state, "0")) if before.get(state, "0").isdigit() else 0 for state in _ENDED}
    purged = int(before.get("purged", "0")) if before.get("purged", "0").isdigit() else 0
    if sum(said.values()) != sum(ended.values()) + purged or any(said[state] < ended[state] for state in _ENDED):
        said = ended | {"done": ended["done"] + purged}
    return {name: str(count) for name, count in ({"total": present + purged} | said).items()}


def _bare_run(lane: str) -> dict[str, str]:
    """A run whose record was lost: its prompt is gone, its tasks are not."""
    agent, _, place = lane.partition("@")
    return {"at": "1", "agent": agent, "kind": "analyze", "place": place.rstrip("!"), "workspace": ""}


def _shown(item: str | bytes) -> str:
    return item if isinstance(item, str) else " ".join(from_pack(item, list[str]))
