"""A process that forks the others. Job: start them in milliseconds, signal them, tell when they end.

Python and our package are imported once, here; a host is then a fork, up in about 20 ms instead of 300. As their
parent the nursery reaps its children itself, so it never signals a process id that was given out again. It adopts
the engines of killed hosts, and when its standard input closes it kills whatever is left and goes.

Commands come as JSON lines on standard input, notices leave as JSON lines on standard output.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.chaos.model_host import ModelHostOptions, run_model_host
from tests.chaos.proxy import ProxyOptions, run_proxy
from tests.chaos.submitter import SubmitterOptions, run_submitter
from tests.chaos.worker import HostOptions, run_host

_PR_SET_CHILD_SUBREAPER = 36
_ROLES: dict[str, tuple[type[Any], Callable[[Any], None]]] = {
    "host": (HostOptions, run_host),
    "submitter": (SubmitterOptions, run_submitter),
    "proxy": (ProxyOptions, run_proxy),
    "modelhost": (ModelHostOptions, run_model_host),
}


class _Nursery:
    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: set[int] = set()

    def serve(self) -> None:
        """Obey until standard input closes."""
        told, telling = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
        unread = b""
        while True:
            ready, _, _ = select.select([0, told], [], [])
            if told in ready:
                os.read(told, 4096)
                self._collect()
            if 0 in ready:
                data = os.read(0, 65536)
                if not data:
                    return
                *lines, unread = (unread + data).split(b"\n")
                for line in lines:
                    self._obey(msgspec.json.decode(line))

    def _obey(self, command: dict[str, Any]) -> None:
        if command["do"] == "start":
            self._start(command)
        elif command["pid"] in self._children:
            os.kill(command["pid"], command["number"])

    def _start(self, command: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            self._be(command)
        self._children.add(pid)
        _tell({"started": pid, "name": command["name"]})

    def _be(self, command: dict[str, Any]) -> None:
        """Be the child; never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            log = os.open(self._logs / f"{command['name']}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            kind, run = _ROLES[command["role"]]
            run(msgspec.convert(command["options"], kind))
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:  # noqa: BLE001 - the end of a process: whatever it was goes into its log
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _collect(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._children:
                self._children.discard(pid)
                _tell({"ended": pid, "code": os.waitstatus_to_exitcode(status)})

    def clear(self) -> None:
        """Kill what is left: children, and engines adopted from killed hosts."""
        while pids := _children_of(os.getpid()):
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _children_of(parent: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _tell(notice: dict[str, Any]) -> None:
    os.write(1, msgspec.json.encode(notice) + b"\n")


def main() -> None:
    """Run `python -m tests.chaos.nursery LOGS`."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    gc.collect()
    gc.freeze()
    nursery = _Nursery(Path(sys.argv[1]))
    try:
        nursery.serve()
    finally:
        nursery.clear()


if __name__ == "__main__":
    main()
