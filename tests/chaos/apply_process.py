"""Processes that apply and recover, and are killed or frozen at one step. Job: both ends. Not its job: judging.

Started once, it imports what is needed and then forks a child per job: a step costs a test milliseconds. Jobs come
as JSON lines on standard input, each is answered by a line on standard output. What is left is killed at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ezaigents.errors import EzError, RetryLater
from ezaigents.workspace.applied import Applied
from ezaigents.workspace.applying import apply_proposal, recover_apply
from ezaigents.workspace.changes import Proposal

_ROOT = Path(__file__).parents[2]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One apply, or one recovery where `proposal` is None. The child gets `signal` at step number `at`, from 1.

    `lease`: a file that must hold the intent's name for us to write. `retries`: further tries after a conflict.
    `persons`: what others do in between: the number of a step, a file, and the content they save there.
    `go_on`: a frozen child that is to continue instead.
    """

    root: str = ""
    blobs: str = ""
    intent: str = ""
    proposal: Proposal | None = None
    lease: str = ""
    at: int = 0
    signal: int = 0
    retries: int = 0
    persons: list[tuple[int, str, str]] = []
    go_on: int = 0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a child: it ended with `applied` or `error`, was killed (neither), or is `frozen` (its id)."""

    applied: Applied | None = None
    error: str = ""
    frozen: int = 0
    was_killed: bool = False


class Appliers:
    """The harness's end: `with Appliers() as appliers`. `tracer`: a command in front of the process's own."""

    def __init__(self, *tracer: str) -> None:
        self._command = [*tracer, sys.executable, "-W", "error", "-m", "tests.chaos.apply_process"]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

    def run(self, *jobs: Job) -> list[Told]:
        """Run jobs side by side; return when each has ended or is frozen."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(msgspec.json.encode(jobs) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=list[Told])


class _Children:
    def __init__(self) -> None:
        self._answers: dict[int, int] = {}

    def serve(self) -> None:
        """Do what is asked until standard input closes."""
        try:
            for line in sys.stdin.buffer:
                children = [self._started(job) for job in msgspec.json.decode(line, type=list[Job])]
                os.write(1, msgspec.json.encode([self._outcome(pid) for pid in children]) + b"\n")
        finally:
            for pid in self._answers:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def _started(self, job: Job) -> int:
        if job.go_on:
            os.kill(job.go_on, signal.SIGCONT)
            return job.go_on
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            _be(job, writing)
        os.close(writing)
        self._answers[pid] = reading
        return pid

    def _outcome(self, pid: int) -> Told:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return Told(frozen=pid)
        with os.fdopen(self._answers.pop(pid), "rb") as answer:
            said = answer.read()
        return msgspec.json.decode(said, type=Told) if said else Told(was_killed=True)


def _be(job: Job, writing: int) -> None:
    """Be the child; never returns."""
    told: dict[str, Any] = {}
    try:
        told["applied"] = _applied(job)
    except EzError as error:
        told["error"] = type(error).__name__
    except BaseException as error:  # noqa: BLE001 - the end of a process: the test is told what it was
        told["error"] = repr(error)
    os.write(writing, msgspec.json.encode(told))
    os._exit(0)


def _applied(job: Job) -> Applied | None:
    steps = 0

    def step(_: str) -> None:
        nonlocal steps
        steps += 1
        for at, file, content in job.persons:
            if at == steps:
                Path(f"{file} draft").write_text(content)
                Path(f"{file} draft").rename(file)
        if steps == job.at:
            os.kill(os.getpid(), job.signal)

    def may_write() -> None:
        if job.lease and Path(job.lease).read_text() != Path(job.intent).name:
            raise RetryLater("the lease is another's")

    intent = Path(job.intent)
    if job.proposal is None:
        return recover_apply(intent, may_write=may_write, step=step)
    for retry in range(job.retries + 1):
        name = f"{intent.stem}-{retry}" if retry else intent.stem
        done = apply_proposal(
            Path(job.root), job.proposal, Path(job.blobs), intent=intent.with_name(f"{name}.json"), tag=name,
            merge=True, may_write=may_write, step=step,
        )  # fmt: skip
        if done.state == "applied":
            break
    return done


if __name__ == "__main__":
    _Children().serve()
