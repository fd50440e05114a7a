"""Entries into the queue, a hundred at a time. Job: manifest first, then the queue, then the manifest again.

Whatever dies in between, the next import finds what was planned and looks whether it came to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ezaigents.clock import SystemClock
from ezaigents.errors import KeyConflict, TaskGone
from ezaigents.ids import IdMaker
from ezaigents.legacy.building import build
from ezaigents.legacy.entries import Asked, OldEntry
from ezaigents.legacy.manifest import Moved
from ezaigents.legacy.report import RefusedRow
from ezaigents.policy import SUBMIT_BATCH, order_parents_first
from ezaigents.records import Run, TaskSpec

if TYPE_CHECKING:
    from ezaigents.client import Client
    from ezaigents.legacy.files import Mapper
    from ezaigents.legacy.manifest import Manifest

_CIRCLE = "the tasks of its plan wait for each other in a circle"


class _Next(msgspec.Struct, frozen=True):
    """An entry that is handed in with the next batch."""

    moved: Moved
    asked: Asked
    missing: tuple[str, ...]
    parents: tuple[str, ...] = ()


class Intake:
    """The way of entries into the queue of one client. `handed_in`: tasks so far. `refused`: what turned out late."""

    def __init__(self, client: Client, manifest: Manifest, mapper: Mapper) -> None:
        self._client = client
        self._manifest = manifest
        self._mapper = mapper
        self._make_id = IdMaker(SystemClock())
        self._batch: list[_Next] = []
        self._confirmed: list[str] = []
        self.handed_in = 0
        self.refused: list[RefusedRow] = []

    async def recover(self) -> None:
        """What an import that died had planned: it is in the queue, or it never was."""
        while planned := self._manifest.not_handed_in():
            there = [one.task for one in planned if await self._is_there(one.task)]
            self._manifest.handed_in(there)
            self._manifest.unplan([one.task for one in planned if one.task not in there])

    async def take(self, entry: OldEntry) -> str:
        """Hand in an entry, with the next batch, at the latest when `flush` is called.

        One that needs others of its plan is not taken: the plan is returned, for `take_plan`; else "".
        """
        asked, missing = self._mapper.read(entry)
        if asked.needs and not asked.again:
            return asked.name.partition("/")[0]
        await self._add(entry, asked, missing)
        return ""

    async def take_plan(self, entries: list[OldEntry]) -> None:
        """Hand in the tasks of one plan that need others, parents first."""
        await self.flush()
        read: dict[str, list[tuple[OldEntry, Asked, tuple[str, ...]]]] = {}
        for entry in entries:
            asked, missing = self._mapper.read(entry)
            read.setdefault(asked.name, []).append((entry, asked, missing))
        try:
            order = order_parents_first({name: alike[0][1].needs for name, alike in read.items()})
        except ValueError:
            self.refused += [RefusedRow(key=one.key, number=one.number, why=_CIRCLE) for one in entries]
            return
        added: dict[str, str] = {}
        for name in order:
            for entry, asked, missing in read[name]:
                parents = [task for need in asked.needs if (task := added.get(need) or await self._parent(need))]
                added[name] = await self._add(entry, asked, missing, tuple(dict.fromkeys(parents)))
        await self.flush()

    async def flush(self) -> None:
        """Hand in what is gathered, and write down that it is."""
        await self._send()
        self._confirm()

    def _confirm(self) -> None:
        confirmed, self._confirmed = self._confirmed, []
        self._manifest.handed_in(confirmed)

    async def _send(self) -> None:
        """Hand in what is gathered. That it is is written down with what is planned next: an fsync for both."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        gone = self._manifest.times_gone([one.moved.entry.digest for one in batch])
        confirmed, self._confirmed = self._confirmed, []
        self._manifest.plan([one.moved for one in batch], confirmed)
        while batch:
            built = [self._build(one, gone.get(one.moved.entry.digest, 0)) for one in batch]
            try:
                known = await self._client.queue.submit_runs(
                    [(run, [spec]) for run, spec in built], max_open=self._client.settings.queue_max_open
                )
            except KeyConflict as conflict:  # handed in before, and our manifest was lost since
                late = next(one for one, (_, spec) in zip(batch, built, strict=True) if spec.key == conflict.key)
                self._manifest.unplan([late.moved.task])
                batch = [one for one in batch if one is not late]
                continue
            new = [one.moved.task for one in batch if known[one.moved.task] == one.moved.task]
            self._confirmed += new
            if len(new) < len(batch):
                self._manifest.unplan([one.moved.task for one in batch if one.moved.task not in new])
            self.handed_in += len(new)
            return

    async def _add(self, entry: OldEntry, asked: Asked, missing: tuple[str, ...], parents: tuple[str, ...] = ()) -> str:
        moved = Moved(task=self._make_id(), run=self._make_id(), entry=entry, name=asked.name)
        self._batch.append(_Next(moved, asked, missing, parents))
        if len(self._batch) >= SUBMIT_BATCH:
            await self._send()
        return moved.task

    def _build(self, one: _Next, times_gone: int) -> tuple[Run, TaskSpec]:
        settings = self._client.settings
        return build(
            one.asked,
            one.missing,
            run=one.moved.run,
            task=one.moved.task,
            key=f"legacy-{one.moved.entry.digest.hex()}-{times_gone}",
            home=settings.home_path,
            workspace=settings.workspace_path,
            place=self._client.place,
            parents=one.parents,
        )

    async def _parent(self, name: str) -> str:
        """The task of this name within a plan, while the engine knows it; "" = it is over, or never came."""
        task = self._manifest.task_named(name)
        return task if task and await self._client.queue.tasks([task]) else ""

    async def _is_there(self, task: str) -> bool:
        try:
            await self._client.task(task)
        except TaskGone:
            return False
        return True
