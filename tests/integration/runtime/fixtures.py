"""A data folder for each test; whatever engine lives beside it afterwards is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.runtime.hosts import HostProcess
from tests.switched import off_in_settings

from ezaigents.engine.process import engine_pid
from ezaigents.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Leases long enough for a busy machine, short enough to be waited for."""
    workspace = tmp_path / "work"
    workspace.mkdir()
    yield Settings(
        home=str(tmp_path / "home"),
        workspace=str(workspace),
        lease_s=1.5,
        renew_s=0.3,
        grace_s=5.0,
        **off_in_settings(),
    )
    for lock in tmp_path.rglob("engine.lock"):
        pid = engine_pid(lock.parent)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def start_host(settings: Settings) -> Iterator[Callable[[Settings], HostProcess]]:
    """Start hosts in processes of their own; all are killed afterwards, before their engine."""
    started: list[HostProcess] = []

    def start(settings: Settings) -> HostProcess:
        started.append(HostProcess(settings))
        assert started[-1].was_up
        return started[-1]

    yield start
    for host in started:
        host.close()
