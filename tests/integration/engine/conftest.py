"""Data folders and host processes that leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.engine.waiting import wait_until

from ezaigents.engine import BlockingConnection, EngineHandle, begin
from ezaigents.engine.process import engine_pid
from ezaigents.settings import Settings

HOST = Path(__file__).with_name("host_process.py")


class HostProcess:
    """A host we can talk to, and kill."""

    def __init__(self, settings: Settings, *, before: tuple[str, ...] = (), env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [*before, sys.executable, str(HOST), msgspec.json.encode(settings).decode()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})},
        )  # fmt: skip
        self.pid = self._process.pid

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the host ended without a word"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask_to_leave(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("leave\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings of a fresh data folder; whatever engine lives beside it afterwards is killed."""
    made = Settings(home=str(tmp_path / "home"), workspace=str(tmp_path))
    yield made
    for lock in tmp_path.rglob("engine.lock"):
        kill_engine(msgspec.structs.replace(made, home=str(lock.parent)))


@pytest.fixture
def start_host() -> Iterator[Callable[..., HostProcess]]:
    """Start host processes; all are killed afterwards."""
    started: list[HostProcess] = []

    def start(settings: Settings, **how: Any) -> HostProcess:
        started.append(HostProcess(settings, **how))
        return started[-1]

    yield start
    for host in started:
        host.close()


@pytest.fixture
def engine(settings: Settings) -> Iterator[EngineHandle]:
    """A living embedded engine."""
    handle = begin(settings).ready()
    yield handle
    handle.leave()


def kill_engine(settings: Settings) -> int | None:
    """kill -9 the engine of this data folder; its pid, None when there was none."""
    pid = engine_pid(settings.home_path)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: engine_pid(settings.home_path) != pid)
    return pid


def call(handle: EngineHandle, *args: str | int) -> Any:
    """One command on a connection of its own."""
    with BlockingConnection(handle.address) as connection:
        return connection.call(*args)
