"""The children: few, bounded, without keys, and gone when they should be."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.local.desk import Desk

from ezaigents.agents import TaskFailed
from ezaigents.agents.local import LocalAnalyst, Problem
from ezaigents.agents.local.pool import LEAVE_LIMIT_S, ChildLost, ChildPool, child_environment
from ezaigents.agents.local.protocol import Look, Looked, Measure

SLOW = ("x=[" + "1," * 300 + "]\n") * 1700
"""Takes lizard some seconds: as dense as a file can be at the bound of what is measured whole."""


async def until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Wait for a condition that another process brings about."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def used_s(pid: int) -> float:
    """Processor seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def look(desk: Desk, name: str) -> Look:
    return Look(root=str(desk.root), path=name, limit_bytes=1000, hidden="")


def test_killed_child_fails_its_file_only(desk: Desk) -> None:
    """A child killed at work costs the file in hand; the next file gets a new child."""
    desk.write("slow.py", SLOW)
    desk.write("a.py", "x = 1\n")

    async def work(analyst: LocalAnalyst) -> list[Problem]:
        task = asyncio.create_task(desk.analyse(analyst, ["slow.py", "a.py"]))
        await until(lambda: any(used_s(pid) > 0.15 for pid in analyst.pool.pids))
        os.kill(analyst.pool.pids[0], signal.SIGKILL)
        return [file.problem for file in desk.report(await task).files]

    assert desk.use(work) == [Problem.STOPPED, Problem.NONE]


def test_lost_child_of_an_only_file_may_be_tried_again(desk: Desk) -> None:
    """A task whose only file was lost with its child fails retryably and names how the child ended."""
    desk.write("slow.py", SLOW)

    async def work(analyst: LocalAnalyst) -> None:
        task = asyncio.create_task(desk.analyse(analyst, ["slow.py"]))
        await until(lambda: any(used_s(pid) > 0.15 for pid in analyst.pool.pids))
        os.kill(analyst.pool.pids[0], signal.SIGKILL)
        await task

    with pytest.raises(TaskFailed, match=r"slow.py: not analysed: .*signal 9") as caught:
        desk.use(work)
    assert caught.value.retryable


def test_hung_child_is_given_up(desk: Desk) -> None:
    """A child that does not answer within the limit is killed and its file given up."""
    desk.write("a.py", "x = 1\n")

    async def work() -> None:
        pool = ChildPool(os.environ)
        try:
            await pool.ask(look(desk, "a.py"), time_limit_s=20)
            (pid,) = pool.pids
            os.kill(pid, signal.SIGSTOP)
            with pytest.raises(ChildLost, match=r"longer than 0\.2 s") as caught:
                await pool.ask(look(desk, "a.py"), time_limit_s=0.2)
            assert caught.value.is_slow
            await until(lambda: is_gone(pid))
            assert isinstance(await pool.ask(look(desk, "a.py"), time_limit_s=20), Looked)
        finally:
            await pool.close()

    asyncio.run(work())


def test_cancelled_work_kills_its_child(desk: Desk) -> None:
    """Cancelling an attempt ends the child that works on it at once, and passes through."""
    desk.write("slow.py", SLOW)

    async def work(analyst: LocalAnalyst) -> None:
        task = asyncio.create_task(desk.analyse(analyst, ["slow.py"]))
        await until(lambda: any(used_s(pid) > 0.15 for pid in analyst.pool.pids))
        (pid,) = analyst.pool.pids
        # Stopped, it cannot leave by itself; and the kill must not wait for that.
        os.kill(pid, signal.SIGSTOP)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: is_gone(pid), LEAVE_LIMIT_S / 2)

    desk.use(work)


def test_at_most_two_children_and_none_after_close(desk: Desk) -> None:
    """However many tasks run there are two children at most; closing ends those at work too."""
    paths = [desk.write(f"s{n}.py", SLOW) for n in range(6)]
    seen: set[int] = set()

    async def work(analyst: LocalAnalyst) -> None:
        tasks = [asyncio.create_task(desk.analyse(analyst, [path])) for path in paths]
        await until(lambda: len(analyst.pool.pids) == 2)
        await until(lambda: all(used_s(pid) > 0.15 for pid in analyst.pool.pids))
        seen.update(analyst.pool.pids)
        await analyst.close()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, TaskFailed) for result in done)

    desk.use(work)
    assert len(seen) == 2
    assert all(map(is_gone, seen))


def test_idle_child_leaves(desk: Desk) -> None:
    """A child without work leaves after a moment, and later work gets a new one."""
    desk.write("a.py", "x = 1\n")

    async def work() -> None:
        pool = ChildPool(os.environ, idle_s=0.05)
        try:
            await pool.ask(look(desk, "a.py"), time_limit_s=20)
            (pid,) = pool.pids
            await until(lambda: is_gone(pid))
            assert pool.pids == []
            assert isinstance(await pool.ask(look(desk, "a.py"), time_limit_s=20), Looked)
        finally:
            await pool.close()

    asyncio.run(work())


def test_warm_child_is_used_again(desk: Desk) -> None:
    """Work that comes soon finds the same child."""
    desk.write("a.py", "x = 1\n")

    async def work() -> None:
        pool = ChildPool(os.environ)
        try:
            pids = set()
            for _ in range(3):
                await pool.ask(look(desk, "a.py"), time_limit_s=20)
                pids.update(pool.pids)
            assert len(pids) == 1
        finally:
            await pool.close()

    asyncio.run(work())


def test_children_see_no_keys_and_keep_to_their_limits(desk: Desk) -> None:
    """A child's environment is an allow-list, its folder is /, its group its own, its memory bounded."""
    desk.write("a.py", "x = 1\n")
    core = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (core[1], core[1]))
    environ = {**os.environ, "ANTHROPIC_API_KEY": "k", "EZ_REDIS_URL": "u", "RUFF_OUTPUT_FILE": "f"}

    async def work() -> None:
        pool = ChildPool(environ)
        try:
            await pool.ask(look(desk, "a.py"), time_limit_s=20)
            (pid,) = pool.pids
            seen = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            names = {entry.partition(b"=")[0].decode() for entry in seen if entry}
            assert names == set(child_environment(environ))
            assert not names & {"ANTHROPIC_API_KEY", "EZ_REDIS_URL", "RUFF_OUTPUT_FILE"}
            assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
            assert os.getpgid(pid) == pid
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert "Max address space         1073741824" in limits
            assert "Max core file size        0 " in limits
        finally:
            await pool.close()

    try:
        asyncio.run(work())
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, core)


def test_nothing_is_imported_from_the_workspace(desk: Desk) -> None:
    """A module in the workspace that is named like one of ours, or of Python's, is never run."""
    for name in ("lizard.py", "msgspec.py", "sitecustomize.py", "ezaigents/__init__.py"):
        desk.write(name, f"open({str(desk.root / 'ran')!r}, 'w')\n")
    here = Path.cwd()
    os.chdir(desk.root)
    try:
        result = desk.use(lambda analyst: desk.analyse(analyst, ["lizard.py"]))
    finally:
        os.chdir(here)
    assert desk.report(result).files[0].problem is Problem.NONE
    assert not (desk.root / "ran").exists()


def test_runaway_file_cannot_take_the_machine(desk: Desk) -> None:
    """A file at the bound of what is measured whole stays far below the child's memory limit."""
    desk.write("dense.py", SLOW)

    async def work(analyst: LocalAnalyst) -> int:
        request = Measure(root=str(desk.root), path="dense.py", limit_bytes=10_000_000, hidden="")
        await analyst.pool.ask(request, time_limit_s=60)
        status = Path(f"/proc/{analyst.pool.pids[0]}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    assert desk.use(work) < 400 * 1024
