"""Data folders with real engines and real tasks, for tests. Job: start, fill, look. Not its job: expectations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ezaigents.audit import verify
from ezaigents.budget.fsck import RULES, judge_budget
from ezaigents.clock import SystemClock
from ezaigents.engine import Connection, begin
from ezaigents.home import home_id
from ezaigents.ids import IdMaker
from ezaigents.queue import Keys, Queue
from ezaigents.queue.fsck import OtherCheck, check
from ezaigents.records import Run, TaskKind, TaskSpec
from ezaigents.settings import Settings, load_settings

make_id = IdMaker(SystemClock())


def settings_of(home: Path, **flags: object) -> Settings:
    """Settings of a data folder, with an engine that need not wait for a disk."""
    flags = {"engine_fsync": "everysec", **flags}
    return load_settings({"home": str(home), "workspace": str(home.parent), **flags}, environ={}, cwd=home.parent)


@asynccontextmanager
async def queue_of(settings: Settings) -> AsyncIterator[Queue]:
    """The queue of a data folder whose engine is started for it, and stopped unless a host lives there."""
    engine = begin(settings).ready()
    try:
        async with Connection(engine.address) as connection:
            queue = Queue(connection, Keys(settings.namespace or home_id(settings.home_path)))
            yield queue
            await queue.close()
    finally:
        engine.leave()


def specs(
    run: Run, number: int, *, key: str = "", parents: tuple[str, ...] = (), payload: str = "{}"
) -> list[TaskSpec]:
    """Tasks to submit; their keys are `key` and a number."""
    return [
        TaskSpec(
            id=make_id(), run=run.id, agent="null", place="p", kind=TaskKind.ANALYZE, title=f"{n}", payload=payload,
            parents=parents, key=f"{key}{n}" if key else "",
        )
        for n in range(number)
    ]  # fmt: skip


def new_run() -> Run:
    """A run for them."""
    return Run(id=make_id(), prompt="do", agent="null", kind=TaskKind.ANALYZE, workspace="/w", place="p")


async def assert_sound(queue: Queue, home: Path | None = None) -> None:
    """Everything agrees: tasks, budgets, and where there is a data folder its audit log."""
    report = await check(queue, also=(OtherCheck(RULES, judge_budget),))
    assert report.ok, report.broken()
    assert home is None or not verify(home)
