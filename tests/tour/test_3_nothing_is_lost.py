"""The promise: what was accepted is kept, whoever is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from ezaigents import Client, Settings, TaskKind, Wish

pytestmark = pytest.mark.functional

JOB = Wish(prompt="Where?", paths=("",), agent="local", kind=TaskKind.ANALYZE, delay_ms=1000)


def test_host_and_engine_are_killed(settings: Settings) -> None:
    """A job is accepted, then host and engine die at once; the next fleet of the data folder completes it."""
    environ = {**os.environ, "EZ_HOME": settings.home, "EZ_WORKSPACE": settings.workspace}

    def ez(*words: str) -> str:
        command = [sys.executable, "-m", "ezaigents", *words]
        return subprocess.run(command, env=environ, check=True, capture_output=True, text=True, timeout=60).stdout

    async def hand_in() -> tuple[str, int]:
        async with Client.connect(settings) as client:
            assert client.engine.pid is not None
            return (await client.submit(JOB)).run.id, client.engine.pid

    async def follow(run_id: str) -> int:
        async with Client.connect(settings) as client:
            async for progress in client.watch(run_id):
                last = progress
            return last.counts.done

    host = int(ez("up", "--detach"))
    run_id, engine = asyncio.run(hand_in())
    os.kill(host, signal.SIGKILL)
    os.kill(engine, signal.SIGKILL)

    ez("up", "--detach")
    try:
        assert asyncio.run(follow(run_id)) == 3
    finally:
        ez("down")
