"""The harness's end of the nursery. Job: start, signal and hear of processes. Not its job: what they do."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec
from tests.chaos.model_host import ModelHostOptions
from tests.chaos.proxy import ProxyOptions
from tests.chaos.submitter import SubmitterOptions
from tests.chaos.worker import HostOptions

_ROOT = Path(__file__).parents[2]
_ANSWER_S = 20.0


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What the nursery or a child says; exactly one of `started`, `ended` and `up` is a process id."""

    started: int = 0
    ended: int = 0
    up: int = 0
    name: str = ""
    code: int = 0
    engine_pid: int = 0
    adopted: bool = False


class Nursery:
    """A nursery process and its notices. `with Nursery(logs) as nursery`; on leaving everything is killed."""

    def __init__(self, logs: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery", str(logs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            start_new_session=True,
        )
        self.session = self._process.pid
        self._unread = b""
        self._heard: list[Notice] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=_ANSWER_S)
        self._process.stdout.close()

    def start(
        self, role: Literal["host", "submitter", "proxy", "modelhost"], name: str,
        options: HostOptions | SubmitterOptions | ProxyOptions | ModelHostOptions,
    ) -> int:  # fmt: skip
        """Start a process and return its id."""
        self._command({"do": "start", "role": role, "name": name, "options": msgspec.to_builtins(options)})
        end_s = time.monotonic() + _ANSWER_S
        while time.monotonic() < end_s:
            for index, notice in enumerate(self._heard):
                if notice.started:
                    return self._heard.pop(index).started
            self._read(end_s - time.monotonic())
        raise TimeoutError(f"the nursery did not start {name}")

    def send_signal(self, pid: int, number: signal.Signals) -> None:
        """Signal a child; nothing happens when it has ended."""
        self._command({"do": "signal", "pid": pid, "number": int(number)})

    def notices(self, timeout_s: float) -> list[Notice]:
        """What was said since; waits up to `timeout_s` when nothing was."""
        self._read(0 if self._heard else max(0.0, timeout_s))
        heard, self._heard = self._heard, []
        return heard

    def _command(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        self._process.stdin.flush()

    def _read(self, timeout_s: float) -> None:
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        if not select.select([fd], [], [], timeout_s)[0]:
            return
        data = os.read(fd, 65536)
        if not data:
            raise EOFError("the nursery has ended")
        *lines, self._unread = (self._unread + data).split(b"\n")
        self._heard += [msgspec.json.decode(line, type=Notice) for line in lines]


def processes_left(session: int, home: Path) -> list[str]:
    """Command lines of living processes of a nursery's session, or that name the data folder."""
    left = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            facts = (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        living = facts[0] not in ("Z", "X")
        if living and (int(facts[3]) == session or str(home) in line):
            left.append(f"{entry.name}: {line}")
    return left
