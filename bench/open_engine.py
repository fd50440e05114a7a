"""The engine with the product's own configuration, but open to keys that are not ours: for comparing with others.

Job: start and stop it, by the very function that starts the embedded one. What differs: no user and no password, so
that others may use their own keys; a private folder keeps it safe.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from ezaigents.engine import Address, BlockingConnection, find_engine_program
from ezaigents.engine.configuration import render_configuration
from ezaigents.engine.layout import CONFIGURATION, LOCK, SOCKET
from ezaigents.engine.locks import open_lock, take_lock
from ezaigents.engine.process import Spawned, spawn_engine
from ezaigents.errors import EngineDown
from ezaigents.settings import Settings

_START_S = 20.0


@contextlib.contextmanager
def open_engine(settings: Settings) -> Iterator[Path]:
    """Run one in the data folder of `settings`, which holds no other; yields the path of its socket."""
    home = settings.home_path
    lines = render_configuration(settings, str(home), "").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("user "))
    (home / CONFIGURATION).write_text(text + "\n", encoding="utf-8")
    lock = open_lock(home / LOCK)
    try:
        assert take_lock(lock, 0)
        spawned = spawn_engine(find_engine_program(), home, lock)
    finally:
        os.close(lock)
    try:
        _wait_ready(home / SOCKET, spawned)
        yield home / SOCKET
    finally:
        _end(spawned)


def _wait_ready(socket: Path, spawned: Spawned) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            with BlockingConnection(Address(path=str(socket))) as connection:
                connection.call("PING")
                return
        except EngineDown:
            if spawned.has_ended() or time.monotonic() > until:
                raise
            time.sleep(0.005)


def _end(spawned: Spawned) -> None:
    """At once: what it holds is thrown away with its folder."""
    if not spawned.has_ended():
        os.kill(spawned.pid, signal.SIGKILL)
        os.waitpid(spawned.pid, 0)
