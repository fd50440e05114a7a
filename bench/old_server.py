"""The old system's Redis for benchmarks. Job: start a redis-server in a folder, fill it as the old producers did."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ezaigents.engine import Address, BlockingConnection
from ezaigents.errors import EngineDown

_READY_S = 20.0
_TOGETHER = 1000


@contextlib.contextmanager
def old_server(folder: Path) -> Iterator[Address]:
    """A redis-server that keeps nothing on the disk; ended afterwards."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("needs redis-server on PATH")
    address = Address(path=str(folder / "old.sock"))
    command = [program, "--port", "0", "--save", "", "--dir", str(folder), "--unixsocket", address.path]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + _READY_S
        while True:
            with contextlib.suppress(EngineDown, socket.error), BlockingConnection(address) as connection:
                connection.call("PING")
                break
            if time.monotonic() > until_s:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.01)
        yield address
    finally:
        process.kill()
        process.wait()


def entry(number: int) -> bytes:
    """An entry as the old command line wrote it, with a path of 120 bytes and a prompt of 200."""
    fields = {
        "file": f"src/{number:06}-{'a' * 109}",
        "prompt": f"{number:06} {'p' * 193}",
        "model": "gpt-4o",
        "type": "backend-logic",
        "timestamp": "2025-07-12T10:00:00.000Z",
        "agentType": "gpt",
        "id": f"task_1752314400000_{number:08x}",
        "priority": "normal",
        "enqueuedAt": 1752314400000,
        "source": "cli",
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def fill(address: Address, key: str, count: int, *, first: int = 0) -> None:
    """Queue entries, the first one oldest."""
    with BlockingConnection(address) as connection:
        for start in range(first, first + count, _TOGETHER):
            numbers = range(start, min(start + _TOGETHER, first + count))
            connection.call("LPUSH", key, *[entry(number) for number in numbers])
