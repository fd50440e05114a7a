"""A backup made while tasks are accepted and finished comes back sound and whole."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.integration.backup.states import assert_sound, new_run, queue_of, settings_of, specs

from ezaigents.audit import AuditKind, AuditLog, AuditRecord
from ezaigents.backup import Archive, make_backup, restore_backup
from ezaigents.engine import begin
from ezaigents.errors import EngineDown
from ezaigents.home import open_home
from ezaigents.queue import Held, Queue
from ezaigents.records import Result, TaskState
from ezaigents.settings import Settings

_BACKUPS = 4


class _Load:
    """Submits and works without a pause; `accepted` and `done` are what was answered."""

    def __init__(self, queue: Queue, home: Path) -> None:
        self._queue = queue
        self._home = home
        self.accepted: set[str] = set()
        self.done: set[str] = set()
        self.keys: dict[str, str] = {}

    async def submit(self) -> None:
        for number in range(10_000):
            run = new_run()
            fresh = specs(run, 5, key=f"k{number}-")
            child = specs(run, 1, key=f"c{number}-", parents=tuple(spec.id for spec in fresh))
            folder = self._home / "runs" / run.id
            folder.mkdir(parents=True)
            (folder / "prompt.txt").write_text("do")
            ids = await self._queue.submit([*fresh, *child], run=run)
            assert set(ids) >= {spec.id for spec in fresh}
            self.accepted |= {spec.id for spec in (*fresh, *child)}
            self.keys |= {spec.key: spec.id for spec in (*fresh, *child)}

    async def work(self) -> None:
        log, number = AuditLog(self._home, "h"), 0
        while True:
            number += 1
            claims = await self._queue.claim(f"n{number}", "h", 60_000, [("null@p", 3)])
            for claim in claims:
                folder = self._home / "tasks" / claim.id / str(claim.fence)
                folder.mkdir(parents=True)
                (folder / "report.json").write_text("{}")
                log.append(AuditRecord(kind=AuditKind.APPROVAL, task=claim.id, who="u", what="x"))
            results = [
                (Held(claim.id, claim.fence), Result(report=f"tasks/{claim.id}/{claim.fence}/report.json"))
                for claim in claims
            ]
            await self._queue.finish(results)
            self.done |= {claim.id for claim in claims}
            while await self._queue.promote():
                pass
            await asyncio.sleep(0)


def test_backups_under_load_restore_sound_and_whole(tmp_path: Path) -> None:
    """All that was accepted before is there, once; what was done is done, its report too; nobody counts a crash."""
    asyncio.run(_back_up_under_load(tmp_path))


async def _back_up_under_load(tmp_path: Path) -> None:
    home, moments = tmp_path / "here", []
    async with queue_of(settings_of(home)) as queue:
        load = _Load(queue, home)
        running = [asyncio.create_task(load.submit()), asyncio.create_task(load.work())]
        for number in range(_BACKUPS):
            wanted = (number + 1) * 60
            while len(load.done) < wanted:
                assert not any(task.done() for task in running), [task for task in running if task.done()]
                await asyncio.sleep(0.005)
            moments.append((set(load.accepted), set(load.done), dict(load.keys)))
            await asyncio.to_thread(make_backup, settings_of(home), tmp_path / f"{number}.tar")
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for number, (accepted, done, keys) in enumerate(moments):
        there = tmp_path / f"there{number}"
        restored = await asyncio.to_thread(restore_backup, settings_of(there), tmp_path / f"{number}.tar")
        async with queue_of(settings_of(there)) as queue:
            await assert_sound(queue, there)
            tasks = {task.id: task for task in await queue.tasks(sorted(accepted))}
            assert tasks.keys() == accepted
            assert restored.tasks >= len(accepted)
            assert all(tasks[task_id].state is TaskState.DONE for task_id in done)
            assert all((there / tasks[task_id].report).exists() for task_id in done)
            assert not any(task.crashes or task.state is TaskState.LEASED for task in tasks.values())
            key, task_id = next(iter(keys.items()))
            assert (await queue.read("GET", queue.keys.idempotency(key))).decode().startswith(task_id)


def test_two_backups_in_one_second_have_two_names(tmp_path: Path) -> None:
    """Nobody named a file, so none is in the way of the other, whichever ends first."""
    settings = settings_of(tmp_path / "here")
    open_home(tmp_path / "here")
    inner: list[str] = []

    def another(_done: int) -> None:
        if not inner:
            inner.append("")
            inner.append(make_backup(settings).file)

    outer = make_backup(settings, progress=another).file
    assert sorted(path.name for path in (tmp_path / "here" / "backups").iterdir()) == sorted(
        Path(path).name for path in (inner[1], outer)
    )
    assert inner[1] != outer


@contextmanager
def _hanging(settings: Settings) -> Iterator[None]:
    """An engine with four tasks that answers nobody any more."""

    async def fill() -> None:
        async with queue_of(settings) as queue:
            run = new_run()
            await queue.submit(specs(run, 4), run=run)

    asyncio.run(fill())
    engine = begin(settings).ready()
    assert engine.pid
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(engine.pid, signal.SIGCONT)
        engine.leave()


def test_an_engine_that_hangs_is_backed_up(tmp_path: Path) -> None:
    """What it acknowledged is in its log, so it need not answer; which version it is stays open."""
    settings = settings_of(tmp_path / "here", engine_fsync="always")
    with _hanging(settings):
        make_backup(settings, tmp_path / "b.tar")
    with Archive(tmp_path / "b.tar") as archive:
        assert archive.manifest.engine_version == ""
    assert restore_backup(settings_of(tmp_path / "there"), tmp_path / "b.tar").tasks == 4


def test_an_engine_that_may_owe_its_log_something_must_answer(tmp_path: Path) -> None:
    """One that writes once a second is asked whether all is written; without an answer there is no backup."""
    settings = settings_of(tmp_path / "here", engine_fsync="everysec")
    with _hanging(settings), pytest.raises(EngineDown):
        make_backup(settings, tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()
