"""A fleet as a user starts it: `ez up`, a process with a data folder of its own. Job: start, find its engine, stop.

It ends with this process, whatever kills it: it holds the end of a pipe. Not its job: what to measure.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO

import msgspec

from ezaigents.engine import BlockingConnection, EngineHandle, find_living
from ezaigents.errors import EngineDown
from ezaigents.optimize import environment
from ezaigents.scorecard.clearing import end_all
from ezaigents.scorecard.ground import Ground
from ezaigents.scorecard.samples import Profile
from ezaigents.settings import Settings

_STOP_WITHIN_S = 30.0
_READY = b"System ready in"
_SAID_LINES = 5


class RunningFleet(msgspec.Struct, frozen=True, kw_only=True):
    """`started_s`: from exec to "System ready", which is said when every agent of every process is."""

    settings: Settings
    pid: int
    started_s: float
    engine: EngineHandle

    @property
    def engine_pid(self) -> int:
        """The engine's process."""
        assert self.engine.pid is not None
        return self.engine.pid

    def connect(self) -> BlockingConnection:
        """A connection to its engine."""
        return BlockingConnection(self.engine.address)


@contextlib.contextmanager
def running(ground: Ground, number: int, profile: Profile) -> Iterator[RunningFleet]:
    """A fleet that is ready; stopped, and its data folder removed, afterwards.

    Raises EngineDown with what it said where it does not start.
    """
    switched = environment(profile.off)
    settings = ground.settings(number, switched)
    life_in, life_out = os.pipe()
    try:
        began_s = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ezaigents", "up", "--sim", "--life", str(life_in)],
            env=ground.environ(number, switched), cwd=ground.workspace, pass_fds=(life_in,),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
    except BaseException:
        os.close(life_out)
        raise
    finally:
        os.close(life_in)
    assert process.stderr is not None
    with process.stderr as stderr:
        reading = threading.Thread(target=_read_to_end, args=(stderr,), daemon=True)
        try:
            _wait_ready(stderr)
            started_s = time.monotonic() - began_s
            reading.start()  # a full pipe would make it wait
            engine = find_living(settings)
            if engine is None:
                raise EngineDown("the engine of the fleet has ended")
            yield RunningFleet(settings=settings, pid=process.pid, started_s=started_s, engine=engine)
        finally:
            _stop(process)
            os.close(life_out)
            end_all(settings.home_path)  # what a killed host left behind
            shutil.rmtree(settings.home_path, ignore_errors=True)
            if reading.ident is not None:
                reading.join()


def _wait_ready(stderr: IO[bytes]) -> None:
    said: list[str] = []
    for line in stderr:
        if line.startswith(_READY):
            return
        said.append(line.decode(errors="replace").strip().removeprefix("ez: "))
    raise EngineDown(f"a fleet of the scorecard does not start: {'; '.join(said[-_SAID_LINES:]) or 'it says nothing'}")


def _read_to_end(stream: IO[bytes]) -> None:
    with contextlib.suppress(ValueError, OSError):
        for _ in stream:
            pass


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)  # its work is done, or is not wanted any more
    try:
        process.wait(timeout=_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
