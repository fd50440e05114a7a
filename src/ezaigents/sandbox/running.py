"""One command in one sandbox, from outside. Job: start the launcher, hand it the order, take its report.

Not its job: the walls. The host forks nothing by itself: it starts one small program (vfork, so neither the loop nor
the host's memory is held), which forks the command. The order goes by standard input, so nothing shows in a list of
processes; that input stays open for as long as the answer is wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ezaigents.codec import from_json
from ezaigents.sandbox.outcome import NOT_STARTED, CommandOutcome, Ended

GRACE_S = 15.0
"""The launcher keeps the time; one that is this much too late is killed."""
_TROUBLE_BYTES = 4096
_REPORT_BYTES = 4096


_START = """
import sys
root, module = sys.argv[1:3]
del sys.argv[1:3]
for name, path in (("ezaigents", root + "/ezaigents"), ("ezaigents.sandbox", root + "/ezaigents/sandbox")):
    sys.modules[name] = type(sys)(name)
    sys.modules[name].__path__ = [path]
sys.modules["ezaigents"].sandbox = sys.modules["ezaigents.sandbox"]
__import__("ezaigents.sandbox." + module)
sys.modules["ezaigents.sandbox." + module].main()
"""
"""Runs a module of this room as it stands, without the packages above it, which would load half the library."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the launcher is told; `launch.Order` reads it."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    folder: str
    cwd: str
    timeout_s: float
    memory_bytes: int
    output_bytes: int
    readable: Sequence[str]
    writable: Sequence[str]
    families: Sequence[int]


class _Report(msgspec.Struct, frozen=True):
    ended: Ended
    exit_code: int | None
    signal: int
    leftovers: int
    took_s: float


def package_root() -> Path:
    """The folder that holds the package `ezaigents`, for programs of ours that run without site-packages."""
    return Path(__file__).resolve().parents[2]


def program(module: str, root: str | None = None) -> list[str]:
    """The start of a command line that runs `main` of a module of this room; what is added are its arguments."""
    python = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    where = str(package_root()) if root is None else root
    return [python, "-I", "-S", "-B", "-c", _START, where, module]


def words_of(value: object) -> str:
    """JSON that carries any file name there is: not all of them are text, and the launcher has no msgspec."""
    return json.dumps(value)


async def launched(command: Sequence[str], order: Order) -> CommandOutcome:
    """Start `command`, which ends in the launcher, and wait for what it reports. Nothing is left, however it ends."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        env={"LANG": "C.UTF-8"},
        start_new_session=True,
    )
    answer = asyncio.create_task(_answer(process, order))
    try:
        async with asyncio.timeout(order.timeout_s + GRACE_S):
            said, trouble = await asyncio.shield(answer)
    except TimeoutError:
        await _ended(process, answer)
        return _outcome(order, Ended.TIME, b"")
    except asyncio.CancelledError:
        await _ended(process, answer)
        raise
    return _told(order, said, trouble)


async def _answer(process: asyncio.subprocess.Process, order: Order) -> tuple[bytes, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.write(words_of(msgspec.to_builtins(order)).encode("ascii") + b"\n")
        await process.stdin.drain()
    said, trouble, _ = await asyncio.gather(
        _bounded(process.stdout, 2 * order.output_bytes + _REPORT_BYTES),
        _bounded(process.stderr, _TROUBLE_BYTES),
        process.wait(),
    )
    process.stdin.close()
    return said, trouble


async def _bounded(stream: asyncio.StreamReader, most_bytes: int) -> bytes:
    """Read to the end and keep the first `most_bytes`."""
    kept = bytearray()
    while window := await stream.read(65536):
        kept += window[: most_bytes - len(kept)]
    return bytes(kept)


async def _ended(process: asyncio.subprocess.Process, answer: asyncio.Task[tuple[bytes, bytes]]) -> None:
    """Say that the answer is not wanted any more, and wait until nothing is left; kill what does not obey."""
    assert process.stdin is not None
    process.stdin.close()
    for kill in (_kill_launcher, _kill_group):
        done, _ = await _waited(answer)
        if done:
            return
        kill(process.pid)
    await _waited(answer)


def _kill_launcher(pid: int) -> None:
    """Kill process 1 inside. `pid` is its parent, which ends only when the kernel has ended all the others inside."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
            os.kill(int(child), signal.SIGKILL)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


async def _waited(answer: asyncio.Task[tuple[bytes, bytes]]) -> tuple[set[Any], set[Any]]:
    """Wait for it through further cancellations: what is being killed has to be gone first."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + GRACE_S
    while True:
        try:
            return await asyncio.wait({answer}, timeout=max(0.0, end_s - loop.time()))
        except asyncio.CancelledError:
            continue


def _told(order: Order, said: bytes, trouble: bytes) -> CommandOutcome:
    line, _, output = said.partition(b"\n")
    try:
        report = from_json(line, _Report)
    except msgspec.DecodeError:
        last = trouble.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it ended without a word"]
        return _outcome(order, Ended.REFUSED, NOT_STARTED + f": {last[0]}".encode())
    return CommandOutcome(
        argv=order.argv,
        exit_code=report.exit_code,
        signal=report.signal,
        ended=report.ended,
        output=output,
        took_s=report.took_s,
        leftovers=report.leftovers,
    )


def _outcome(order: Order, ended: Ended, output: bytes) -> CommandOutcome:
    return CommandOutcome(
        argv=order.argv, exit_code=None, signal=0, ended=ended, output=output, took_s=0.0, leftovers=0
    )
