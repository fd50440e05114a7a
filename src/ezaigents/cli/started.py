"""A host that another process started. Job: start it, hear whether it is ready, stop it. Not its job: being it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import NoReturn

import msgspec

from ezaigents.cli.launch import LOG_MAX_BYTES, READY_WITHIN_S, host_command
from ezaigents.cli.report import HostReport
from ezaigents.cli.talk import say
from ezaigents.codec import from_json
from ezaigents.errors import EngineDown, EzError, HostConflict
from ezaigents.home import open_home
from ezaigents.settings import Settings

_PATIENT_S = 0.7
_SAY_EVERY_S = 5.0


class HostRefused(EzError):
    """The host said why it does not start; `code` is what it left with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]


class StartedHost:
    """A host started by this process. `report`: what it said when it was ready."""

    def __init__(self, process: subprocess.Popen[bytes], report: HostReport, log: Path, lifeline_fd: int) -> None:
        self.report = report
        self.log = log
        self.pid = process.pid
        self._process = process
        self._lifeline_fd = lifeline_fd

    def stop(self, within_s: float, *, hurry: bool = False) -> bool:
        """Ask it to stop and wait; `hurry` has it hand back its running tasks at once. True when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
            if hurry:
                # Another signal than the first: two of the same kind may arrive as one.
                self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        self._close_lifeline()
        return True

    def _close_lifeline(self) -> None:
        if self._lifeline_fd >= 0:
            os.close(self._lifeline_fd)
            self._lifeline_fd = -1


def start_host(settings: Settings, *, lifeline: bool = False) -> StartedHost:
    """Start a host in a session of its own and wait until it is ready.

    `lifeline`: it stops by itself when this process ends, however it ends.
    Raises what the host says when it does not start: HostConflict, or HostRefused with its exit code.
    """
    open_home(settings.home_path)
    log = settings.home_path / f"host-{settings.name}.log"
    report_in, report_out = os.pipe()
    life_in, life_out = os.pipe() if lifeline else (-1, -1)
    passed = [fd for fd in (report_out, life_in) if fd >= 0]
    models = "simulated" if settings.models == "simulated" else None
    command = host_command(
        name=settings.name,
        models=models,
        dashboard="off" if lifeline else settings.dashboard,
        port=settings.port,
        report=report_out,
        life=life_in if lifeline else None,
        log=LOG_MAX_BYTES,
    )
    try:
        with log.open("ab") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, pass_fds=passed
            )
    finally:
        for fd in passed:
            os.close(fd)
    try:
        report = _hear(report_in, process, log)
    except BaseException:
        process.terminate()
        if life_out >= 0:
            os.close(life_out)
        raise
    finally:
        os.close(report_in)
    return StartedHost(process, report, log, life_out)


def _hear(report_in: int, process: subprocess.Popen[bytes], log: Path) -> HostReport:
    """Wait for the host's word; say that it takes long when it does."""
    heard = b""
    began = time.monotonic()
    next_word_s = _PATIENT_S
    while (waited_s := time.monotonic() - began) < READY_WITHIN_S:
        if select.select([report_in], [], [], max(0.0, next_word_s - waited_s))[0]:
            piece = os.read(report_in, 65536)
            if not piece:
                return _judge(heard, process, log)
            heard += piece
        elif time.monotonic() - began >= next_word_s:
            say(f"starting, {waited_s:.0f} s so far ..." if next_word_s > _PATIENT_S else "starting ...")
            next_word_s += _SAY_EVERY_S
    raise EngineDown(f"the host did not become ready within {READY_WITHIN_S:g} s; see {log}")


def _judge(heard: bytes, process: subprocess.Popen[bytes], log: Path) -> HostReport:
    if not heard:
        code = process.wait()
        raise HostRefused(f"the host ended before it was ready (code {code}); see {log}", 3)
    try:
        report = from_json(heard, HostReport)
    except msgspec.DecodeError:
        raise HostRefused(f"the host said something that is no report; see {log}", 3) from None
    if report.error:
        process.wait()
        _raise(report)
    return report


def _raise(report: HostReport) -> NoReturn:
    if report.conflict_pid:
        raise HostConflict(report.name, report.conflict_pid, report.home)
    raise HostRefused(report.error, report.exit_code)
