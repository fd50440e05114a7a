"""Watch the embedded engine and start it again when it dies. Not its job: connections, which restore themselves.

Every host watches; of several on one data folder the first at the gate restarts, the others adopt.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable

from ezaigents.engine.embedded import EmbeddedStarting
from ezaigents.engine.handle import EngineHandle
from ezaigents.engine.process import engine_pid, last_words
from ezaigents.errors import EngineDown, EngineFull, EzError
from ezaigents.settings import Settings

_RESTARTS_PER_MINUTE = 6
_PAUSE_FIRST_S = 0.1
_PAUSE_FULL_S = 5.0
"""Between attempts while the disk is full: it may be freed at any time, so these never end."""

_log = logging.getLogger("ezaigents.engine")


class Supervisor:
    """Keeps the engine of one handle alive. `on_restart()` is called in the event loop after each restart."""

    def __init__(
        self,
        settings: Settings,
        handle: EngineHandle,
        on_restart: Callable[[], None] | None = None,
        *,
        restarts_per_minute: int = _RESTARTS_PER_MINUTE,
    ) -> None:
        self._settings = settings
        self._handle = handle
        self._on_restart = on_restart or (lambda: None)
        self._limit = restarts_per_minute
        self._attempts: deque[float] = deque()

    async def run(self) -> None:
        """Watch until cancelled or until `leave`. Raises EngineDown when the engine dies again and again."""
        while self._handle.wanted():
            await self._death()
            if self._handle.wanted():
                await self._restart()

    async def _death(self) -> None:
        pid = self._handle.pid
        if hasattr(os, "pidfd_open") and pid is not None and pid == engine_pid(self._settings.home_path):
            await _end_of_process(pid)
        else:
            await _end_of_connection(self._handle.address.path)

    async def _restart(self) -> None:
        while True:
            await self._pause()
            if not self._handle.wanted():
                return
            try:
                fresh = await asyncio.to_thread(self._start)
            except EngineFull as error:
                _log.error("%s", error)
                self._attempts.clear()
                await asyncio.sleep(_PAUSE_FULL_S)
            except EzError as error:
                if not self._handle.wanted():
                    return
                _log.error("%s", error)
            else:
                self._handle.pid, self._handle.adopted = fresh.pid, fresh.adopted
                _log.warning(
                    "the engine died and %s (pid %s)",
                    "was adopted" if fresh.adopted else "runs again",
                    fresh.pid,
                )
                self._on_restart()
                return

    def _start(self) -> EngineHandle:
        return EmbeddedStarting(self._settings, wanted=self._handle.wanted).ready()

    async def _pause(self) -> None:
        """Wait the longer the more often it died within the last minute; the first time not at all."""
        now_s = time.monotonic()
        while self._attempts and now_s - self._attempts[0] > 60:
            self._attempts.popleft()
        if len(self._attempts) >= self._limit:
            raise EngineDown(
                f"the engine of {self._settings.home} died {self._limit} times within a minute and is "
                f"left alone; its last words: {last_words(self._settings.home_path)[-300:].strip() or 'none'}"
            )
        if self._attempts:
            await asyncio.sleep(_PAUSE_FIRST_S * 2 ** (len(self._attempts) - 1))
        self._attempts.append(now_s)


async def _end_of_process(pid: int) -> None:
    """Wait until the process ended; ours is reaped."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await _readable(descriptor)
    finally:
        os.close(descriptor)
    _reap(pid)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


async def _end_of_connection(path: str) -> None:
    """Wait until the engine closes an idle connection, as its end does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect(path)
        except OSError:
            return
        await _readable(sock.fileno())


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
