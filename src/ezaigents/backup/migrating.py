"""State of an older version, brought up to what this program writes. Job: which steps, in which order, a backup first.

The version of a data folder is its file `state`, that of a namespace its key `state` (home.py says which is ours).
Each is stamped after every step, so that a migration that was killed goes on where it stood; a step must be one that
may be begun again after it was cut short anywhere, and after it was done.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from ezaigents.backup.making import make_backup
from ezaigents.engine import living_hosts, open_lock, take_lock
from ezaigents.errors import ConfigError, RetryLater
from ezaigents.home import STATE_VERSION, refuse_newer, stamp_state, state_version
from ezaigents.queue import Queue, engine_version
from ezaigents.settings import Settings

_LOCK = ".migrating"
_LOCK_WAIT_S = 60.0


class Migration(msgspec.Struct, frozen=True):
    """The step to version `to`: what changes in the data folder, and what in the engine; None = nothing."""

    to: int
    why: str
    folder: Callable[[Path], None] | None = None
    engine: Callable[[Queue], Awaitable[None]] | None = None


MIGRATIONS: tuple[Migration, ...] = (Migration(2, "the state says of which version it is"),)
"""Every step there ever was, in order; the last leads to STATE_VERSION."""


async def migrate(
    settings: Settings,
    queue: Queue,
    *,
    steps: Sequence[Migration] = MIGRATIONS,
    say: Callable[[str], None] = lambda _: None,
) -> Path | None:
    """Bring data folder and namespace up to the newest version; returns the backup that was made before, if any.

    To be called by a host that holds its lock, before it works. Raises ConfigError for a newer state, one that is
    being restored, and while other hosts live; and whatever making the backup raises: then nothing was changed.
    """
    home, newest = settings.home_path, steps[-1].to if steps else STATE_VERSION
    folder_at, engine_at = state_version(home), await engine_version(queue, newest)
    if newest == STATE_VERSION:
        refuse_newer(folder_at, f"data folder {home}")
        refuse_newer(engine_at, f"the engine's namespace {queue.keys.prefix.rstrip(':')}")
    if min(folder_at, engine_at) >= newest:
        return None
    lock = open_lock(home / _LOCK)
    try:
        if not await asyncio.to_thread(take_lock, lock, _LOCK_WAIT_S):
            raise RetryLater(f"another host has been migrating {home} for {_LOCK_WAIT_S:g} s; wait for it")
        return await _Migrating(settings, queue, steps, say).run()
    finally:
        os.close(lock)


class _Migrating:
    def __init__(
        self, settings: Settings, queue: Queue, steps: Sequence[Migration], say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._steps = steps
        self._say = say

    async def run(self) -> Path | None:
        """Look again, now that nobody else migrates; back up; go every step that is missing."""
        home, newest = self._settings.home_path, self._steps[-1].to
        folder_at, engine_at = state_version(home), await engine_version(self._queue, newest)
        if min(folder_at, engine_at) >= newest:
            return None
        others = sorted(living_hosts(home).keys() - {self._settings.name})
        if others:
            raise ConfigError(
                f"the state in {home} is of version {min(folder_at, engine_at)} and must be brought to {newest}, which "
                f"needs quiet: stop the other hosts ({', '.join(others)}) with `ez down`, then start again"
            )
        made = await asyncio.to_thread(make_backup, self._settings, name=f"before-version-{newest}")
        self._say(f"the state of version {min(folder_at, engine_at)} was backed up into {made.file}")
        for step in self._steps:
            if folder_at < step.to:
                if step.folder is not None:
                    await asyncio.to_thread(step.folder, home)
                stamp_state(home, step.to)
            if engine_at < step.to:
                if step.engine is not None:
                    await step.engine(self._queue)
                await self._queue.put("SET", self._queue.keys.state(), str(step.to))
            if min(folder_at, engine_at) < step.to:
                self._say(f"brought to version {step.to}: {step.why}")
        return Path(made.file)
