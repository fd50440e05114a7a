"""Real engines for tests: start one in a folder, end it by its pid. Not its job: configuration of the product's own.

    with running_engine(tmp_path) as engine:
        async with Connection(engine.address) as connection: ...

Nothing is fsynced unless `extra` says so: what survives a power cut is tested with the product's own configuration.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ezaigents.engine import Address, BlockingConnection, find_engine_program
from ezaigents.errors import EngineDown

_START_S = 20.0
_SOCKET_PATH_MOST = 100
_PLAIN = ("--port", "0", "--save", "", "--hz", "10", "--hash-max-listpack-value", "1024", "--loglevel", "warning")


def redis_program() -> Path | None:
    """The Redis to test against beside the embedded engine: `EZ_TEST_REDIS`, else `redis-server` on PATH."""
    named = os.environ.get("EZ_TEST_REDIS") or shutil.which("redis-server")
    return Path(named) if named else None


class Engine:
    """A running engine: where it listens, its folder, its pid."""

    def __init__(self, folder: Path, program: Path | None = None, extra: Sequence[str] = ()) -> None:
        self.folder = folder
        self._short = ""
        socket = folder / "s"
        if len(os.fsencode(socket)) > _SOCKET_PATH_MOST:
            self._short = tempfile.mkdtemp(prefix="ez-engine-")
            socket = Path(self._short) / "s"
        self.address = Address(path=str(socket))
        command = [str(program or find_engine_program()), *_PLAIN, "--dir", str(folder), "--unixsocket", str(socket)]
        with (folder / "engine.log").open("ab") as log:
            self._process = subprocess.Popen([*command, *extra], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._wait_ready()
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    @property
    def pid(self) -> int:
        """The process; still the engine's after it ended, until `stop`."""
        return self._process.pid

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End the process and wait for it; again does nothing."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
            try:
                self._process.wait(_START_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._short:
            shutil.rmtree(self._short, ignore_errors=True)

    def _wait_ready(self) -> None:
        end_s = time.monotonic() + _START_S
        while True:
            try:
                with BlockingConnection(self.address, timeout_s=1.0) as connection:
                    connection.call("PING")
                    return
            except EngineDown:
                if self._process.poll() is not None or time.monotonic() > end_s:
                    said = (self.folder / "engine.log").read_text(errors="replace")
                    raise RuntimeError(f"the engine in {self.folder} did not start: {said}") from None
                time.sleep(0.002)


@contextmanager
def running_engine(folder: Path, program: Path | None = None, extra: Sequence[str] = ()) -> Iterator[Engine]:
    """An engine for the length of a `with`."""
    engine = Engine(folder, program, extra)
    try:
        yield engine
    finally:
        engine.stop()


def start_engine(folder: Path, program: Path | None = None, extra: Sequence[str] = ()) -> Engine:
    """Start the engine found on this machine, or `program`; the caller stops it."""
    return Engine(folder, program, extra)
