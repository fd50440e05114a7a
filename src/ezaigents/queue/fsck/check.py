"""The check. Job: compare what the survey saw with the indexes, counters and runs. It changes nothing.

May run beside hosts at work: what is compared task by task, or index by index, is exact all the same; sums over all
tasks are judged only when no task moved meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from ezaigents.queue.fsck.report import INVARIANTS, FsckReport, Ledger
from ezaigents.queue.fsck.strays import INDEXES, stray_children, stray_keys, strays
from ezaigents.queue.fsck.survey import Survey, survey
from ezaigents.queue.queue import Queue
from ezaigents.queue.scripts import Script, load_scripts
from ezaigents.records import TERMINAL_STATES, TaskState

NAMES = ("audit", "reindex", "rejoin", "rekey", "recount")
_TRIES = 3
_SMALL_TASKS = 20_000
"""With fewer tasks a check that was disturbed is made again: that takes about a second."""
_SUMS = ("lost", "counters", "runs")


class OtherCheck(msgspec.Struct, frozen=True):
    """Another room's part: `rules` by name, and `judge`, which gets the queue and `note(invariant, what, text)`."""

    rules: dict[str, str]
    judge: Callable[[Queue, Callable[[str, str, str], None]], Awaitable[None]]


_READ_BATCH = 500
_ENDED = tuple(state.value for state in TaskState if state in TERMINAL_STATES)


async def check(
    queue: Queue, *, remembered: bool = False, also: Sequence[OtherCheck] = (), plain: bool = False
) -> FsckReport:
    """Check every invariant of INVARIANTS, and those of other rooms. Raises EngineDown.

    `remembered`: the data folder holds tasks or runs of this fleet, so an engine that knows of none has lost them.
    `plain`: the setting `storage` is.
    """
    scripts = load_scripts(names=NAMES)
    rules = INVARIANTS | {name: rule for other in also for name, rule in other.rules.items()}
    for tries_left in reversed(range(_TRIES)):
        ledger = Ledger(rules)
        before = await stamp(queue, scripts["recount"])
        seen = await survey(queue, scripts["audit"], ledger, plain=plain)
        await _judge_indexes(queue, seen, ledger)
        await _judge_waiting(queue, seen, ledger)
        await _judge_children(queue, seen, ledger)
        await _judge_keys(queue, seen, ledger)
        await _judge_numbers(queue, seen, ledger)
        for other in also:
            await other.judge(queue, ledger.note)
        sums = Ledger()
        await _judge_counters(queue, seen, sums, remembered=remembered)
        await _judge_runs(queue, seen, sums)
        moving = await stamp(queue, scripts["recount"]) != before
        if not moving:
            ledger.take(sums)
        if not moving or not tries_left or len(seen.tasks) > _SMALL_TASKS:
            return ledger.report(tasks=len(seen.tasks), moving=moving, unjudged=_SUMS if moving else ())
    raise AssertionError("the last try returns")


async def stamp(queue: Queue, recount: Script) -> str:
    """A text that changes with every move of a task."""
    told: bytes = await queue.run_script(recount, [""])
    return told.decode()


async def _judge_indexes(queue: Queue, seen: Survey, ledger: Ledger) -> None:
    expected = {
        "ended": sum(seen.states.get(state, 0) for state in _ENDED if state != TaskState.DEAD),
        "deadline": seen.sums.get("deadline", 0),
        "fanout": seen.sums.get("fanout", 0),
    }
    expected |= {index: seen.states.get(index, 0) for index in INDEXES if index not in expected}
    expected |= {f"ready:{lane}": seen.lanes.get(lane, 0) for lane in seen.of("ready:")}
    there = [index for index in expected if index.startswith("ready:") or seen.of(index)]
    sizes = await queue.read_many([("ZCARD", queue.keys.prefix + index) for index in there])
    for index, size in zip(there, sizes, strict=True):
        invariant = index.partition(":")[0]
        if size != expected[index] or ledger.has(invariant):
            async for task_id in strays(queue, index):
                ledger.note(invariant, task_id, f"does not belong in the index {index}")


async def _judge_waiting(queue: Queue, seen: Survey, ledger: Ledger) -> None:
    waiting = await queue.read("SMEMBERS", queue.keys.waiting()) if seen.of("waiting") else ()
    lanes = {lane.decode() for lane in waiting}
    for lane in sorted(lanes ^ seen.of("ready:")):
        commands: list[tuple[Any, ...]] = [
            ("SISMEMBER", queue.keys.waiting(), lane),
            ("EXISTS", queue.keys.ready(lane)),
        ]
        listed, exists = (await queue.read_many([("MULTI",), *commands, ("EXEC",)]))[-1]
        if listed and not exists:
            ledger.note("waiting", lane, "is among the lanes with work and holds no task")
        elif exists and not listed:
            ledger.note("waiting", lane, "holds tasks and is not among the lanes with work")


async def _judge_children(queue: Queue, seen: Survey, ledger: Ledger) -> None:
    sets = [(family, parent) for family in ("child:", "waits:") for parent in sorted(seen.of(family))]
    sizes = await _in_parts(queue, [("SCARD", queue.keys.prefix + family + parent) for family, parent in sets])
    if sum(sizes) == seen.sums.get("told", 0) and not ledger.has("parents"):
        return
    for family, parent in sets:
        async for child in stray_children(queue, family, parent):
            ledger.note(
                "parents", child, f"would be told when {parent} ends, and does not wait for it ({family}{parent})"
            )


async def _judge_keys(queue: Queue, seen: Survey, ledger: Ledger) -> None:
    keys = seen.of("key:")
    if len(keys) != seen.sums.get("key", 0) or ledger.has("keys"):
        async for key, task_id in stray_keys(queue, sorted(keys)):
            ledger.note("keys", f"key:{key}", f"names {task_id or 'nothing'}, which does not have this key")


async def _judge_numbers(queue: Queue, seen: Survey, ledger: Ledger) -> None:
    for fence, count in Counter(seen.leased.values()).items():
        if count > 1:
            for task_id in [task_id for task_id, held in seen.leased.items() if held == fence]:
                ledger.note("fences", task_id, f"shares its fence {fence} with another claim")
    last = await queue.read("GET", queue.keys.sequence()) if seen.of("seq") else b"0"
    if not _whole(last) >= seen.top["seq"]:
        ledger.note("sequence", "seq", f"is {_printed(last)}, and a task has number {seen.top['seq']}")


async def _judge_counters(queue: Queue, seen: Survey, ledger: Ledger, *, remembered: bool) -> None:
    raw = await queue.read("HGETALL", queue.keys.counters()) if seen.of("n") else {}
    counters = {name.decode(): _whole(value) for name, value in raw.items()}
    for state in TaskState:
        said, counted = counters.pop(state.value, 0), seen.states.get(state.value, 0)
        if said != counted:
            ledger.note("counters", state.value, f"is counted as {said}, and there are {counted}")
    accepted, purged, lost = (counters.pop(name, 0) for name in ("accepted", "purged", "lost"))
    for name in counters:
        ledger.note("counters", name, "is not a counter of ours")
    missing = accepted - purged - lost - sum(seen.states.values())
    if missing > 0:
        ledger.note(
            "lost", "t:*", f"{missing} tasks are missing: {accepted} accepted, {purged} purged, {lost} known as lost"
        )
    elif missing < 0:
        ledger.note("counters", "accepted", f"is {accepted} and must be {accepted - missing}")
    if remembered and not accepted and not seen.states:
        ledger.note("lost", "n", "the engine knows of no task at all, and the data folder does: its data was erased")


async def _judge_runs(queue: Queue, seen: Survey, ledger: Ledger) -> None:
    runs = sorted(seen.of("run:") | seen.runs.keys())
    hashes = await _in_parts(queue, [("HMGET", queue.keys.run(run), "at", "total", "purged", *_ENDED) for run in runs])
    for run, values in zip(runs, hashes, strict=True):
        at, total, purged, *ended = values
        states = seen.runs.get(run, {})
        present = sum(count for name, count in states.items() if name != "lane")
        open_tasks = present - sum(states.get(state, 0) for state in _ENDED)
        counts = dict(zip(_ENDED, map(_whole, ended), strict=True))
        if at is None:
            ledger.note("runs", run, f"is not known, and {present} tasks are of it")
        elif not present:
            ledger.note("runs", run, "has no tasks")
        elif _whole(total) - _whole(purged) != present:
            ledger.note(
                "runs", run, f"counts {_whole(total)} tasks, {_whole(purged)} of them purged, and has {present}"
            )
        elif _whole(total) - sum(counts.values()) != open_tasks or any(
            counts[state] < states.get(state, 0) for state in _ENDED
        ):
            ledger.note("runs", run, f"counts {counts} as ended, and {open_tasks} tasks are open")


async def _in_parts(queue: Queue, commands: list[tuple[Any, ...]]) -> list[Any]:
    answers: list[Any] = []
    for start in range(0, len(commands), _READ_BATCH):
        answers += await queue.read_many(commands[start : start + _READ_BATCH])
    return answers


def _whole(raw: bytes | None) -> int:
    """A counter as the engine keeps it; what is not a whole number counts as -1, which no sum agrees with."""
    try:
        return int(raw or b"0")
    except ValueError:
        return -1


def _printed(raw: bytes | None) -> str:
    return (raw or b"0").decode("utf-8", "backslashreplace")
