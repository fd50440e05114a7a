"""20 scripted agents that edit one repository: is an edit lost, and what do overlapping patches cost?

The same number of tasks of the same size, with the same time to think, three times: each agent on files of its own, all
of them on all files, and all of them on as few files as there are agents. Patches are applied as soon as they are made,
by content hash under file leases, and merged where they touch different lines; a conflict has the task done again. At
the end every inserted line is looked for, and every other.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from pathlib import Path

import msgspec

from bench.editors import Insertion, editors
from bench.fleet import temporary_settings
from bench.line import result
from ezaigents.client import Client
from ezaigents.clock import SystemClock
from ezaigents.ids import IdMaker
from ezaigents.queue.fsck import check
from ezaigents.records import Run, Task, TaskKind, TaskSpec
from ezaigents.settings import Settings
from ezaigents.wiring import Fleet

_AGENTS = 20
_FILES = 200
_LINES = 200
_HOT = 20
_PER_TASK = 2
_TASKS = int(os.environ.get("BENCH_EDITS", "1000"))
_STEPS = 10
_STEP_S = 0.1
"""A task of a second. Models think for longer: the less of it, the more an overlap costs."""
_SEED = 2026
_MOST_ATTEMPTS = 100


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One round: `lost`: inserted lines that are not there exactly once; `altered`: files that hold anything else."""

    seconds: float
    lost: int
    altered: int
    stale_writes: int
    conflicts: int
    not_done: int
    fsck: list[str]


def _plan(shared: int) -> list[tuple[str, list[Insertion]]]:
    """(agent, insertions) for each task; `shared`: files that all agents edit, 0 = each has its own."""
    luck = random.Random(_SEED)
    own = _FILES // _AGENTS
    plan = []
    for number in range(_TASKS):
        agent = number % _AGENTS
        pool = range(shared) if shared else range(agent * own, agent * own + own)
        files = luck.sample(pool, _PER_TASK)
        lines = [(f"f{file:03}.txt", luck.randrange(_LINES), f"task {number} was here") for file in files]
        plan.append((f"editor{agent}", lines))
    return plan


def _write_repository(root: Path) -> None:
    root.mkdir()
    for number in range(_FILES):
        text = "".join(f"line {line} of file {number}\n" for line in range(_LINES))
        (root / f"f{number:03}.txt").write_text(text)


async def _edit(settings: Settings, plan: list[tuple[str, list[Insertion]]]) -> tuple[float, list[Task], list[str]]:
    make_id = IdMaker(SystemClock())
    async with Fleet(settings, agents=editors(_AGENTS, _STEPS, _STEP_S)) as fleet, Client.connect(settings) as client:
        working = asyncio.ensure_future(fleet.run())
        run = Run(
            id=make_id(), prompt="x", agent="editor0", kind=TaskKind.EDIT, workspace=settings.workspace,
            place=client.place, apply=True,
        )  # fmt: skip
        specs = [
            TaskSpec(
                id=make_id(), run=run.id, agent=agent, place=client.place, kind=TaskKind.EDIT, title=lines[0][0],
                payload=msgspec.json.encode(lines).decode(), max_attempts=_MOST_ATTEMPTS,
            )
            for agent, lines in plan
        ]  # fmt: skip
        began_s = time.monotonic()
        await client.queue.submit(specs, run=run)
        async for _ in client.watch(run.id):
            pass
        took_s = time.monotonic() - began_s
        tasks = await client.tasks([spec.id for spec in specs])
        report = await check(client.queue)
        fleet.stop()
        await working
    return took_s, tasks, sorted(report.broken())


def _measure(shared: int) -> Round:
    plan = _plan(shared)
    with temporary_settings(merge="clean") as plain:
        root = Path(plain.home) / "repository"
        settings = msgspec.structs.replace(plain, workspace=str(root), home=str(Path(plain.home) / "data"))
        _write_repository(root)
        took_s, tasks, fsck = asyncio.run(_edit(settings, plan))
        lost, altered = _look(root, plan)
    return Round(
        seconds=took_s,
        lost=lost,
        altered=altered,
        stale_writes=sum(int(task.summary.split()[0]) for task in tasks),
        conflicts=sum(task.attempts for task in tasks),
        not_done=sum(task.state != "done" or task.patch_state != "applied" for task in tasks),
        fsck=fsck,
    )


def _look(root: Path, plan: list[tuple[str, list[Insertion]]]) -> tuple[int, int]:
    wanted = Counter((path, text) for _, lines in plan for path, _, text in lines)
    lost = altered = 0
    for number in range(_FILES):
        name = f"f{number:03}.txt"
        found = Counter((root / name).read_text().splitlines())
        ours = {text: count for (path, text), count in wanted.items() if path == name}
        lost += sum(found[text] != count for text, count in ours.items())
        rest = [line for line in (root / name).read_text().splitlines() if line not in ours]
        altered += rest != [f"line {line} of file {number}" for line in range(_LINES)]
    return lost, altered


def run() -> dict[str, object]:
    """Measure the three, the one without overlaps first."""
    apart, together, hot = _measure(0), _measure(_FILES), _measure(_HOT)
    return result(
        "edits",
        n=_TASKS,
        agents=_AGENTS,
        files=_FILES,
        hot_files=_HOT,
        edits_per_task=_PER_TASK,
        steps_per_task=_STEPS,
        step_s=_STEP_S,
        agents_are="scripted",
        apart=msgspec.to_builtins(apart),
        together=msgspec.to_builtins(together),
        together_on_hot_files=msgspec.to_builtins(hot),
        tasks_per_s={
            name: round(_TASKS / one.seconds, 1)
            for name, one in (("apart", apart), ("together", together), ("hot", hot))
        },
        throughput_share={
            "together": round(apart.seconds / together.seconds, 3),
            "hot": round(apart.seconds / hot.seconds, 3),
        },
    )
