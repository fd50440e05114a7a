"""The first process inside a sandbox: starts the command, watches it, and leaves nothing of it behind.

Job: limits, time, memory, output, and the report of how it ended. Not its job: the walls (bubblewrap, enter).
It is process 1 of its own process namespace, so that whatever a command starts, and however that hides, ends with it.
Standard input brings one order (a line of JSON) and then stays open: when it ends, the one who asked is gone, or has
changed its mind, and everything is killed. Standard output takes one report: a line of JSON, then what was said.
Runs by `python -I -S`: standard library only, and as little of it as will do, for each command pays for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time

from ezaigents.sandbox import kernel, usage

TYPE_CHECKING = False  # typing itself would take as long to load as all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

FLOOD_BYTES = 64 * 1024 * 1024
"""A command that says more than this is not saying anything."""
PROCESSES = 512
"""Processes and threads of one command: plenty for a parallel build, little for a fork bomb."""
OPEN_FILES = 4096
FILE_BYTES = 2 * 1024 * 1024 * 1024
"""The largest file that a command may write."""
RESERVED_BYTES = 64 * 1024 * 1024 * 1024
"""Address space beside what is used: JavaScript, Go and Java reserve tens of gigabytes that they never touch."""
FREE_BYTES = 128 * 1024 * 1024
"""A command that fills the disk is killed while this much is free: the engine's log lies there too."""
LOOK_S = 0.05
"""Between two looks at how much memory is used; in this time a process can take hold of some 100 MB."""
END_S = 5.0
"""How long the killing may take here; after it this process ends, and the kernel ends the rest."""
_WINDOW_BYTES = 64 * 1024
_NOT_STARTED = 127


class Order:
    """What is to be run. `folder`: the writable one, as it is called inside."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.argv: list[str] = order["argv"]
        self.environ: dict[str, str] = order["environ"]
        self.folder: str = order["folder"]
        self.cwd: str = order["cwd"]
        self.timeout_s: float = order["timeout_s"]
        self.memory_bytes: int = order["memory_bytes"]
        self.output_bytes: int = order["output_bytes"]
        self.readable: list[str] = order["readable"]
        self.writable: list[str] = order["writable"]
        self.families: list[int] = order["families"]


class Said:
    """What the command says, bounded: the head, and the last of the rest."""

    def __init__(self, most_bytes: int) -> None:
        self._half_bytes = max(1, most_bytes // 2)
        self._head = bytearray()
        self._tail = bytearray()
        self.total_bytes = 0

    def add(self, window: bytes) -> None:
        self.total_bytes += len(window)
        room = self._half_bytes - len(self._head)
        if room > 0:
            self._head += window[:room]
            window = window[room:]
        self._tail += window
        if len(self._tail) > 2 * self._half_bytes:
            del self._tail[: -self._half_bytes]

    def kept(self) -> bytes:
        tail = self._tail[-self._half_bytes :]
        left_out = self.total_bytes - len(self._head) - len(tail)
        line = b"\n[... %d bytes left out ...]\n" % left_out if left_out else b""
        return bytes(self._head) + line + bytes(tail)


def main() -> None:
    """Take the order, run the command, report. For `python -I -S -c`."""
    os.set_inheritable(0, False)
    os.set_inheritable(1, False)
    # No process of the command may look into this one, trace it or write its report.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    os.umask(0o022)
    order = Order(json.loads(_line(0)))
    began_s = time.monotonic()
    said = Said(order.output_bytes)
    report = _run(order, said)
    report["took_s"] = time.monotonic() - began_s
    _tell(report, said.kept())


def _run(order: Order, said: Said) -> dict[str, Any]:
    output, output_end = os.pipe()
    trouble, trouble_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(order, output_end, trouble_end)
    os.close(output_end)
    os.close(trouble_end)
    os.set_blocking(output, False)
    reason = _rest_of(trouble)
    if reason:
        os.waitpid(pid, 0)
        said.add(reason)
        return {"ended": "refused", "exit_code": None, "signal": 0, "leftovers": 0}
    watch = _Watch(order, pid, output, said)
    ended = watch.wait()
    leftovers = len(usage.others()) if ended == "exited" else 0
    status = _kill_all(pid, watch)
    code = os.waitstatus_to_exitcode(status)
    return {"ended": ended, "exit_code": code if code >= 0 else None, "signal": max(0, -code), "leftovers": leftovers}


class _Watch:
    """Waits until the command is over, by itself or because it must be."""

    def __init__(self, order: Order, pid: int, output: int, said: Said) -> None:
        self._order = order
        self._pid = pid
        self._output = output
        self._said = said
        self._poll = select.poll()
        self._command = os.pidfd_open(pid)
        for descriptor in (0, output, self._command):
            self._poll.register(descriptor, select.POLLIN)

    def wait(self) -> str:
        end_s = time.monotonic() + self._order.timeout_s
        look_s = 0.0
        while True:
            ready = {descriptor for descriptor, _ in self._poll.poll(LOOK_S * 1000)}
            now_s = time.monotonic()
            if self._output in ready:
                self.listen()
            if self._command in ready:
                return "exited"
            if 0 in ready:
                return "cancelled"
            if self._said.total_bytes > FLOOD_BYTES:
                return "output"
            if now_s >= end_s:
                return "time"
            if now_s - look_s >= LOOK_S:
                look_s = now_s
                _bury(self._pid)
                ended = self._too_much()
                if ended:
                    return ended

    def listen(self) -> None:
        """Take what there is; the rest of a flood waits for the next look at everything else."""
        for _ in range(16):
            try:
                window = os.read(self._output, _WINDOW_BYTES)
            except BlockingIOError:
                return
            if not window:
                self._poll.unregister(self._output)
                return
            self._said.add(window)

    def drain(self) -> None:
        """Take what was left in the pipe by processes that are gone."""
        while self._said.total_bytes <= FLOOD_BYTES:
            try:
                window = os.read(self._output, _WINDOW_BYTES)
            except BlockingIOError:
                return
            if not window:
                return
            self._said.add(window)

    def _too_much(self) -> str:
        if usage.memory_bytes() > self._order.memory_bytes and usage.shared_out_bytes() > self._order.memory_bytes:
            return "memory"
        room = os.statvfs(self._order.folder)
        if room.f_bavail * room.f_frsize < FREE_BYTES:
            self._said.add(b"\n[killed: the disk is nearly full]\n")
            return "output"
        return ""


def _become(order: Order, output: int, trouble: int) -> None:
    """Turn the forked process into the command; says in `trouble` why it cannot. Never returns."""
    reason = ""
    try:
        os.setsid()
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(os.path.join(order.folder, order.cwd))  # noqa: PTH118 - pathlib weighs
        _limit(order)
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if kernel.landlock_abi() >= kernel.LEAST_ABI:
            kernel.landlock(order.readable, order.writable)
        if kernel.has_seccomp():
            kernel.seccomp(order.families)
        os.execvpe(order.argv[0], order.argv, order.environ)  # noqa: S606 - argv is what we were asked to run
    except FileNotFoundError as error:
        inside = f"no folder {order.cwd!r}" if error.filename != order.argv[0] and order.cwd else ""
        path = order.environ.get("PATH", "")
        reason = inside or f"no program {order.argv[0]!r} in the sandbox (PATH {path})"
    except (OSError, ValueError) as error:
        reason = f"cannot run {order.argv[0]!r}: {error}"
    finally:
        os.write(trouble, reason.encode("utf-8", "backslashreplace")[:4000])
        os._exit(_NOT_STARTED)


def _limit(order: Order) -> None:
    # Data is what is really used, so it is the limit that bites; twice, because the watch should be first to see it
    # and say so. Without a watch that is fast enough, one allocation fails and the program says so itself.
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: 2 * order.memory_bytes,
        resource.RLIMIT_AS: order.memory_bytes + RESERVED_BYTES,
        resource.RLIMIT_NPROC: PROCESSES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_CPU: int(order.timeout_s * (os.cpu_count() or 1)) + 1,
    }
    for which, most in limits.items():
        _, hard = resource.getrlimit(which)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (value, value))


def _bury(command: int) -> None:
    """Collect the dead whom the command left to process 1; the command's own end is not collected here."""
    while True:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None or found.si_pid == command:
            return
        os.waitpid(found.si_pid, 0)


def _kill_all(command: int, watch: _Watch) -> int:
    """Kill whatever lives here and wait until it is gone; the command's exit status."""
    status = signal.SIGKILL.value
    end_s = time.monotonic() + END_S
    waits = 0  # the first of the dead is waited for; the others are collected before anything is killed again
    while time.monotonic() < end_s:
        if waits == 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            watch.drain()
        try:
            pid, found = os.waitpid(-1, waits)
        except ChildProcessError:
            break
        waits = os.WNOHANG if pid else 0
        if pid == command:
            status = found
    watch.drain()
    return status


def _rest_of(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _line(descriptor: int) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        window = os.read(descriptor, _WINDOW_BYTES)
        if not window:
            sys.exit(1)  # whoever asked is gone before saying what
        line += window
    return bytes(line)


def _tell(report: Mapping[str, Any], said: bytes) -> None:
    pieces: Sequence[bytes] = (json.dumps(report).encode() + b"\n", said)
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(1, rest) :]
