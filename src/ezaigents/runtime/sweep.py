"""What time brings. Job: look at what is due, reap, promote, purge; sleep until the next thing is due, or a hint.

There is no tick: a sweep says when the next lease, delay or deadline is due, and a timer is set for it; one sweep
every `sweep_s` seconds (or lease, where that is shorter) finds work whose hint was lost, and new leases.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ezaigents.errors import EzError
from ezaigents.policy import CrashPolicy, clock_jumped
from ezaigents.queue import Queue, Sweep, drop_old_history, forget, old_folders
from ezaigents.settings import Settings

_log = logging.getLogger(__name__)
_BATCH = 100
_PURGE_BATCH = 500
_DAY_MS = 86_400_000
_MOST_OLD_FOLDERS = 10_000
"""Folders deleted in one go; the rest follows the next day."""
_AFTER_ERROR_S = 1.0
_LOOK_AGAIN_S = 1.0
"""While nothing is reaped the rest of what is due is looked at this often."""


class Sweeper:
    """Keeps one namespace in motion; any number of hosts may do so at once.

    `paused(names)` is told who is paused, then `notice(lane)` is called for each lane with work.
    """

    def __init__(
        self,
        queue: Queue,
        settings: Settings,
        *,
        notice: Callable[[str], None],
        paused: Callable[[Sequence[str]], None],
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._notice = notice
        self._paused = paused
        self._policy = CrashPolicy()
        # A lease must be seen before it ends, or nobody is there on time to take a dead host's task back.
        self._every_s = min(settings.sweep_s, settings.lease_s)
        self._history = Path(settings.home) / "history"
        self._poke = asyncio.Event()
        self._cleaned_day = -1
        self._last_look: tuple[int, float] | None = None
        self._reap_from = -math.inf
        self._stopped = False

    def look(self) -> None:
        """Sweep soon: something is due, or children wait to be told."""
        self._poke.set()

    def gap(self) -> None:
        """The engine was away: give every holder one lease to renew before any of its tasks is reaped."""
        self._reap_from = time.monotonic() + self._settings.lease_s
        self._poke.set()

    def stop(self) -> None:
        """End `run` at its next turn."""
        self._stopped = True
        self._poke.set()

    async def reap_former_self(self, host: str) -> int:
        """Take back what a former host of this name held: its lock file is ours, so it is dead. Returns how many."""
        reaped = 0
        while rows := await self._queue.reap(self._policy, owner=host, most=_BATCH):
            reaped += len(rows)
        return reaped

    async def run(self) -> None:
        """Sweep until stopped."""
        while not self._stopped:
            self._poke.clear()
            try:
                pause_s = await self.sweep_once()
            except EzError as error:
                _log.warning("sweep: %s", error)
                pause_s = _AFTER_ERROR_S
            except Exception:  # noqa: BLE001 - a damaged record must not end the host; `ez fsck` names it
                _log.exception("sweep: something is damaged; look with `ez fsck`")
                pause_s = self._settings.sweep_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._poke.wait()

    async def sweep_once(self) -> float:
        """Look once and do what is due; returns the seconds until the next look."""
        sweep = await self._look()
        is_due = sweep.next_due_ms is not None and sweep.next_due_ms <= sweep.now_ms
        if is_due and time.monotonic() >= self._reap_from:
            while len(await self._queue.reap(self._policy, most=_BATCH)) == _BATCH:
                pass
        if is_due or sweep.fanout:
            while await self._queue.promote(_BATCH):
                pass
            sweep = await self._look()
        purges = True
        if sweep.to_purge:
            purges = await self._purge(sweep)
            if purges and sweep.to_purge > _PURGE_BATCH:
                return 0.0
        return self._pause_s(sweep.now_ms, [sweep.next_due_ms, sweep.next_purge_ms if purges else None])

    async def _look(self) -> Sweep:
        keep_ms = round(self._settings.ended_keep_s * 1000)
        asked_s = time.monotonic()
        sweep = await self._queue.sweep(keep_ms, self._settings.ended_keep_count)
        self._watch_clocks(sweep.now_ms, asked_s, time.monotonic())
        self._paused(sweep.paused)
        for lane in sweep.lanes:
            self._notice(lane)
        return sweep

    def _watch_clocks(self, engine_ms: int, asked_s: float, now_s: float) -> None:
        """Put reaping off where leases may have ended that their holders could not renew."""
        lease_s = self._settings.lease_s
        jumped = self._last_look is not None and clock_jumped(*self._last_look, engine_ms, now_s, lease_s / 2)
        self._last_look = (engine_ms, now_s)
        if jumped:
            _log.warning("the engine's clock jumped; no task is taken back for one lease")
            self._reap_from = now_s + lease_s
        elif now_s - asked_s > lease_s / 4 and now_s > self._reap_from + lease_s:
            # Not again at once: behind an engine that is always slow, tasks of the dead must come back too.
            _log.warning("the engine stood still for %.1f s; no task is taken back for one lease", now_s - asked_s)
            self._reap_from = now_s + lease_s

    def _pause_s(self, now_ms: int, dues_ms: Sequence[int | None]) -> float:
        dues = [due for due in dues_ms if due is not None]
        if not dues:
            return self._every_s
        due_s = (min(dues) - now_ms) / 1000
        if due_s <= 0:
            due_s = min(_LOOK_AGAIN_S, max(0.0, self._reap_from - time.monotonic()))
        return min(self._every_s, due_s + 0.001)

    async def _purge(self, sweep: Sweep) -> bool:
        """Write a batch of ended tasks down and have the engine forget them; False when none could be."""
        ids = await self._queue.ended_ids(0, min(sweep.to_purge, _PURGE_BATCH) - 1)
        tasks = await self._queue.tasks(ids)
        keep_ms = self._settings.history_days * _DAY_MS
        try:
            await self._drop_old_files(sweep.now_ms)
            forgotten = await forget(self._queue, self._history, tasks, now_ms=sweep.now_ms, keep_patches_ms=keep_ms)
        except OSError as error:
            _log.warning("ended tasks are kept in the engine: history cannot be written: %s", error)
            return False
        return forgotten > 0  # else all of these wait for something; they are looked at when they are old again

    async def _drop_old_files(self, now_ms: int) -> None:
        """Once a day: delete history, and the files of tasks and runs, `history_days` after their acceptance.

        What the engine still knows is kept. Raises OSError.
        """
        if now_ms // _DAY_MS == self._cleaned_day:
            return
        days, home = self._settings.history_days, self._settings.home_path
        await asyncio.to_thread(drop_old_history, self._history, today_ms=now_ms, days=days)
        tasks = await asyncio.to_thread(old_folders, home / "tasks", today_ms=now_ms, days=days, most=_MOST_OLD_FOLDERS)
        runs = await asyncio.to_thread(old_folders, home / "runs", today_ms=now_ms, days=days, most=_MOST_OLD_FOLDERS)
        known = {task.id for task in await self._queue.tasks([path.name for path in tasks])}
        known |= {path.name for path in runs if await self._queue.run(path.name)}
        await asyncio.to_thread(_remove, [path for path in (*tasks, *runs) if path.name not in known])
        self._cleaned_day = now_ms // _DAY_MS


def _remove(folders: Sequence[Path]) -> None:
    import shutil

    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
