"""Finding tasks and runs by id. Job: ids as typed, to records. Not its job: what is done with them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ezaigents.client.client import Client
from ezaigents.client.shapes import counts_of
from ezaigents.codec import from_json
from ezaigents.errors import InputError, TaskGone
from ezaigents.ids import id_wall_ms, is_id
from ezaigents.records import Run, Task

_DAY_MS = 86_400_000


def check_ids(ids: Sequence[str]) -> list[str]:
    """Return the ids in lower case. Raises InputError for what cannot be one."""
    found = [text.strip().lower() for text in ids]
    for given, text in zip(ids, found, strict=True):
        if not is_id(text):
            raise InputError("id", f"{given[:80]!r} has not the form of an id; `ez tasks` lists them")
    return found


async def tasks_by_id(client: Client, ids: Sequence[str]) -> list[Task]:
    """Tasks in the order given; those the engine has forgotten come from the history, unknown ones are left out."""
    found = {task.id: task for task in await client.tasks(ids)}
    for task_id in ids:
        if task_id not in found:
            with suppress(TaskGone):
                found[task_id] = await client.task(task_id)
    return [found[task_id] for task_id in ids if task_id in found]


async def find(client: Client, an_id: str) -> tuple[Run | None, list[Task]]:
    """A run with its tasks, or no run and the one task of this id; purged ones too. Raises TaskGone."""
    run = await client.run(an_id)
    if run is not None:
        return run, await tasks_of(client, run)
    try:
        return None, [await client.task(an_id)]
    except TaskGone:
        tasks = await asyncio.to_thread(_tasks_in_history, client.settings.home_path / "history", an_id)
        if not tasks:
            raise
        return _run_from(tasks), tasks


async def tasks_of(client: Client, run: Run) -> list[Task]:
    """The tasks of a run in order of submission; those the engine has forgotten come from the history."""
    with suppress(TaskGone):
        if run.summary_task:
            summary = await client.task(run.summary_task)
            return [*await tasks_by_id(client, summary.parents), summary]
    return await client.tasks_of(run.id)


async def task_ids(client: Client, ids: Sequence[str]) -> list[str]:
    """The ids of tasks that ids of tasks and runs stand for, each once. Raises TaskGone."""
    found: dict[str, None] = {}
    for an_id in check_ids(ids):
        run, tasks = await find(client, an_id)
        found.update((task.id, None) for task in tasks)
        if run is not None and not tasks:
            raise TaskGone(an_id)
    return list(found)


def _tasks_in_history(folder: Path, run_id: str) -> list[Task]:
    """The tasks of a purged run, by id: they were accepted on the run's day, or just after midnight."""
    found: dict[str, Task] = {}
    day = id_wall_ms(run_id) // _DAY_MS
    for path in (folder / f"{day + more:05d}.jsonl" for more in (0, 1)):
        with suppress(FileNotFoundError), path.open("rb") as lines:
            for line in lines:
                if run_id.encode() in line and line.endswith(b"\n"):
                    task = from_json(line, Task)
                    if task.run == run_id:
                        found[task.id] = task
    return [found[task_id] for task_id in sorted(found)]


def _run_from(tasks: Sequence[Task]) -> Run:
    """What the tasks of a purged run still tell of it."""
    first = tasks[0]
    summary = next((task for task in tasks if len(task.parents) == len(tasks) - 1 and task.parents), None)
    return Run(
        id=first.run,
        prompt="",
        agent=first.agent,
        kind=first.kind,
        workspace="",
        place=first.place,
        summary_task=summary.id if summary else "",
        accepted_ms=first.accepted_ms,
        counts=counts_of(tasks),
    )
