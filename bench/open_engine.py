"""The engine with the product's own configuration, but open to keys that are not ours: for comparing with others.

Job: start and stop it. What differs from the embedded engine of `ez up`: no user and password, so that others may
use their own keys; a private folder keeps it safe. Memory, persistence and timing settings are the same lines.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ezaigents.engine import Address, BlockingConnection, find_engine_program
from ezaigents.engine.configuration import render_configuration
from ezaigents.errors import EngineDown
from ezaigents.settings import Settings

_START_S = 20.0
_ENVIRONMENT = {"LC_ALL": "C", "MALLOC_ARENA_MAX": "1"}
"""As the embedded engine has it."""


@contextlib.contextmanager
def open_engine(settings: Settings) -> Iterator[Path]:
    """Run one in the data folder of `settings`; yields the path of its socket."""
    folder = settings.home_path
    lines = render_configuration(settings, str(folder), "").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("user "))
    (folder / "open.conf").write_text(text + "\n", encoding="utf-8")
    socket = folder / "engine.sock"
    command = [str(find_engine_program()), str(folder / "open.conf")]
    process = subprocess.Popen(command, env=_ENVIRONMENT, stdout=subprocess.DEVNULL)
    try:
        _wait_ready(socket, process)
        yield socket
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_ready(socket: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            with BlockingConnection(Address(path=str(socket))) as connection:
                connection.call("PING")
                return
        except EngineDown:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.005)
