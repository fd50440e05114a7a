"""What time brings. Job: look at what is due, reap, promote, purge; sleep until the next thing is due, or a hint.

There is no tick: a sweep says when the next lease, delay or deadline is due, and a timer is set for it; one sweep
every `sweep_s` seconds finds work whose hint was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from ezaigents.errors import EzError
from ezaigents.policy import CrashPolicy, clock_jumped
from ezaigents.queue import Queue, Sweep, append_history, drop_old_history
from ezaigents.settings import Settings

_log = logging.getLogger(__name__)
_BATCH = 100
_PURGE_BATCH = 500
_AFTER_ERROR_S = 1.0


class Sweeper:
    """Keeps one namespace in motion; any number of hosts may do so at once.

    `notice(lane)` is called for each lane with work; `alive()` once per sweep (a sign of life).
    """

    def __init__(
        self,
        queue: Queue,
        settings: Settings,
        *,
        notice: Callable[[str], None],
        alive: Callable[[], Awaitable[None]],
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._notice = notice
        self._alive = alive
        self._policy = CrashPolicy()
        self._history = Path(settings.home) / "history"
        self._poke = asyncio.Event()
        self._last_look: tuple[int, float] | None = None
        self._reap_from = 0.0
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
        next_alive = 0.0
        while not self._stopped:
            self._poke.clear()
            try:
                if time.monotonic() >= next_alive:
                    await self._alive()
                    next_alive = time.monotonic() + self._settings.sweep_s * 0.9
                pause_s = await self.sweep_once()
            except EzError as error:
                _log.warning("sweep: %s", error)
                pause_s = _AFTER_ERROR_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._poke.wait()

    async def sweep_once(self) -> float:
        """Look once and do what is due; returns the seconds until the next look."""
        sweep = await self._look()
        for lane in sweep.lanes:
            self._notice(lane)
        if sweep.next_due_ms is not None and sweep.next_due_ms <= sweep.now_ms and self._may_reap(sweep):
            while len(await self._queue.reap(self._policy, most=_BATCH)) == _BATCH:
                pass
        if sweep.fanout or (sweep.next_due_ms is not None and sweep.next_due_ms <= sweep.now_ms):
            while await self._queue.promote(_BATCH):
                pass
            sweep = await self._look()
        if sweep.to_purge:
            await self._purge(sweep)
            if sweep.to_purge > _PURGE_BATCH:
                return 0.0
        return self._pause_s(sweep)

    async def _look(self) -> Sweep:
        keep_ms = round(self._settings.ended_keep_s * 1000)
        return await self._queue.sweep(keep_ms, self._settings.ended_keep_count)

    def _may_reap(self, sweep: Sweep) -> bool:
        now_s = time.monotonic()
        if self._last_look is not None:
            then_ms, then_s = self._last_look
            if clock_jumped(then_ms, then_s, sweep.now_ms, now_s, self._settings.lease_s / 2):
                _log.warning("the engine's clock jumped; no task is taken back for one lease")
                self._reap_from = now_s + self._settings.lease_s
        self._last_look = (sweep.now_ms, now_s)
        return now_s >= self._reap_from

    def _pause_s(self, sweep: Sweep) -> float:
        dues = [due for due in (sweep.next_due_ms, sweep.next_purge_ms) if due is not None]
        if not dues:
            return self._settings.sweep_s
        due_s = (min(dues) - sweep.now_ms) / 1000
        least_s = max(0.001, self._reap_from - time.monotonic())
        return min(self._settings.sweep_s, max(least_s, due_s + 0.001))

    async def _purge(self, sweep: Sweep) -> None:
        ids = await self._queue.ended_ids(0, min(sweep.to_purge, _PURGE_BATCH) - 1)
        tasks = await self._queue.tasks(ids)
        try:
            await asyncio.to_thread(append_history, self._history, tasks)
            await asyncio.to_thread(
                drop_old_history, self._history, today_ms=sweep.now_ms, days=self._settings.history_days
            )
        except OSError as error:
            _log.warning("ended tasks are kept in the engine: history cannot be written: %s", error)
            return
        await self._queue.purge(ids)
