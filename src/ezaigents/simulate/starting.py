"""The server as a child of this process. Job: start it, learn its URL, stop it. Not its job: what it does.

It ends with this process, whatever kills it: the kernel closes our end of the pipe that it watches.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from ezaigents.errors import ConfigError

if TYPE_CHECKING:
    import subprocess

READY_S = 20.0
_STOP_S = 5.0
_REPORT_BYTES = 4096


class _Report(msgspec.Struct):
    url: str


class Simulator:
    """A running server. `ready` waits for its URL; `stop` ends it, and so does leaving a `with` block."""

    def __init__(self, process: subprocess.Popen[bytes], life: int, report: int) -> None:
        self._process = process
        self._life = life
        self._report = report
        self._url = ""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ready(self, within_s: float = READY_S) -> str:
        """The URL, as soon as it listens; at once from then on. Raises ConfigError when it does not come up."""
        if not self._url:
            line = self._read_report(time.monotonic() + within_s)
            try:
                self._url = msgspec.json.decode(line, type=_Report).url
            except msgspec.DecodeError:
                self.stop()
                raise ConfigError(
                    "the simulated models did not start; `python -m ezaigents.simulate` says why"
                ) from None
        return self._url

    def stop(self) -> None:
        """End it and wait until it is gone. Repeatable."""
        import subprocess

        for descriptor in (self._life, self._report):
            if descriptor >= 0:
                os.close(descriptor)
        self._life = self._report = -1
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read_report(self, until: float) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._report], [], [], left)[0]:
                break
            if not (more := os.read(self._report, _REPORT_BYTES)):
                break
            line += more
        return line


def start_simulator(
    rules: Iterable[Path] = (),
    *,
    bare: bool = False,
    faults: Iterable[str] = (),
    log: Path | None = None,
    port: int = 0,
    python: str = sys.executable,
) -> Simulator:
    """Start it and return at once; `bare`: without the rules for the sample repository.

    It has none of this process's environment but PATH and the like, so no key can reach it.
    """
    import subprocess

    life, our_life = os.pipe()
    our_report, report = os.pipe()
    arguments = [python, "-m", "ezaigents.simulate", f"--port={port}", f"--life={life}", f"--report={report}"]
    arguments += [f"--rules={path}" for path in rules] + [f"--fault={fault}" for fault in faults]
    arguments += [f"--log={log}"] if log else []
    arguments += ["--bare"] if bare else []
    try:
        process = subprocess.Popen(
            arguments, env=_environment(), pass_fds=(life, report), start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        os.close(our_life)
        os.close(our_report)
        raise ConfigError(f"the simulated models cannot be started: {error.strerror}") from error
    finally:
        os.close(life)
        os.close(report)
    return Simulator(process, our_life, our_report)


def _environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"MALLOC_ARENA_MAX": "1"}
