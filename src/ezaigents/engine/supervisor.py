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
from collections.abc import Callable

from ezaigents.engine.embedded import EmbeddedStarting
from ezaigents.engine.handle import EngineHandle
from ezaigents.engine.process import engine_pid, last_words
from ezaigents.errors import EzError
from ezaigents.settings import Settings

_PAUSE_FIRST_S = 0.1
_PAUSE_MOST_S = 5.0
"""Between attempts, however often it died: whatever is wrong may be mended at any time, so these never end."""
_WELL_AFTER_S = 60.0

_log = logging.getLogger("ezaigents.engine")


class Supervisor:
    """Keeps the engine of one handle alive. `on_restart()` is called in the event loop after each restart."""

    def __init__(
        self,
        settings: Settings,
        handle: EngineHandle,
        on_restart: Callable[[], None] | None = None,
    ) -> None:
        self._settings = settings
        self._handle = handle
        self._on_restart = on_restart or (lambda: None)
        self._attempts = 0
        self._last_attempt_s = 0.0

    async def run(self) -> None:
        """Watch until cancelled or until `leave`; it never gives up, because accepted tasks wait for the engine."""
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
            except (EzError, OSError) as error:
                if not self._handle.wanted():
                    return
                _log.error("the engine could not be started, which is tried again: %s", error)
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
        """Wait the longer the more often it died of late; the first time not at all."""
        if time.monotonic() > self._last_attempt_s + _WELL_AFTER_S:
            self._attempts = 0
        if self._attempts:
            pause_s = min(_PAUSE_MOST_S, _PAUSE_FIRST_S * 2 ** min(self._attempts - 1, 10))
            if pause_s == _PAUSE_MOST_S:
                _log.error(
                    "the engine of %s dies again and again; its last words: %s",
                    self._settings.home,
                    last_words(self._settings.home_path)[-300:].strip() or "none",
                )
            await asyncio.sleep(pause_s)
        self._attempts += 1
        self._last_attempt_s = time.monotonic()


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
