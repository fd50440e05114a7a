"""What a fleet and its tasks weigh: never more than bench/ceilings.toml says."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bench import agents, web
from bench.fleet import (
    Measured,
    engine_connection,
    engine_pid,
    family,
    info,
    memory_of,
    running_fleet,
    temporary_settings,
)
from bench.queue_rates import run_record, specs

from ezaigents.client import Client
from ezaigents.engine import begin
from ezaigents.settings import Settings

pytestmark = pytest.mark.usefixtures("byte_code")
_AGENTS = 10_000
_TASKS = 10_000
_LEAVE_S = 30.0


def _with_null_agents(count: int) -> Measured:
    command = [sys.executable, "-m", "bench.null_fleet", "--agents", str(count), "--slots", "1"]
    with temporary_settings() as settings, running_fleet(settings, command) as process:
        return memory_of(family(process.pid, settings))


def _analyse(settings: Settings, folder: Path) -> None:
    (folder / "a.py").write_text("def f(x):\n    return x + 1\n")
    command = [sys.executable, "-m", "ezaigents", "run", "--agent", "local", "hot spots", str(folder)]
    environ = os.environ | {"EZ_HOME": settings.home, "EZ_WORKSPACE": str(folder)}
    subprocess.run(command, env=environ, cwd=folder, check=True, capture_output=True, timeout=60)


def _wait_for_children_to_leave(host_pid: int, settings: Settings) -> None:
    until = time.monotonic() + _LEAVE_S
    while family(host_pid, settings) != sorted([host_pid, engine_pid(settings)]):
        assert time.monotonic() < until, f"a child of the host still lives {_LEAVE_S:g} s after its run"
        time.sleep(0.05)


def test_idle_fleet_is_light_before_and_after_work(ceilings: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """Host, engine and children stay under the ceiling, and a run of the analyst leaves nothing heavy behind."""
    limit_bytes = ceilings["idle"]["rss_mb"] * 1e6
    with temporary_settings(workspace=str(tmp_path)) as settings, running_fleet(settings) as process:
        assert memory_of(family(process.pid, settings)).rss_bytes <= limit_bytes
        _analyse(settings, tmp_path)
        _wait_for_children_to_leave(process.pid, settings)
        assert memory_of(family(process.pid, settings)).rss_bytes <= limit_bytes


def test_a_fleet_that_is_looked_at_is_light(ceilings: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """With the dashboard loaded and a tab open, host and engine stay under the ceiling."""

    async def weigh(settings: Settings, pid: int) -> Measured:
        async with web.visitor(settings, pid) as http:
            tab = await web.open_tab(http, settings, pid)
            tab.writers[0].close()
            return tab.weighs

    up = [sys.executable, "-m", "ezaigents", "up", "--port", "0"]
    with temporary_settings(workspace=str(tmp_path)) as settings, running_fleet(settings, up) as process:
        weighs = asyncio.run(weigh(settings, process.pid))
    assert weighs.rss_bytes <= ceilings["web"]["rss_visited_mb"] * 1e6


def test_ten_thousand_idle_agents_are_light(ceilings: dict[str, dict[str, Any]]) -> None:
    """An idle agent costs no more than its ceiling, and ten thousand fit in one host."""
    many, one = _with_null_agents(_AGENTS).rss_bytes, _with_null_agents(1).rss_bytes
    assert many <= ceilings["many_agents"]["rss_mb"] * 1e6
    assert (many - one) / _AGENTS <= ceilings["many_agents"]["bytes_per_agent"]


def test_agents_with_models_are_light(ceilings: dict[str, dict[str, Any]]) -> None:
    """The first calls, and 500 tasks in flight, cost no more than their ceilings; what was sent stays a prefix."""
    measured = agents.run()
    limits = ceilings["agents"]
    assert measured["after_first_calls_rss_mb"] <= limits["rss_after_first_calls_mb"]
    assert measured["kib_per_task"] <= limits["kib_per_task"]
    assert min(measured["cached_share"].values()) >= limits["cached_share"]


async def _hand_in(settings: Settings) -> None:
    async with Client.connect(settings, need_host=False) as client:
        run = run_record(settings)
        await client.queue.submit(specs(settings, run.id, _TASKS), run=run)


def test_queued_task_is_small(ceilings: dict[str, dict[str, Any]]) -> None:
    """A queued task with a path of 120 bytes takes no more of the engine's memory than its ceiling."""
    with temporary_settings(engine_fsync="everysec") as settings:
        handle = begin(settings).ready()
        with engine_connection(settings) as connection:
            empty_bytes = int(info(connection, "memory")["used_memory"])
            asyncio.run(_hand_in(settings))
            queued_bytes = int(info(connection, "memory")["used_memory"])
        handle.leave()
    assert 120 < (queued_bytes - empty_bytes) / _TASKS <= ceilings["queue"]["bytes_per_queued_task"]
