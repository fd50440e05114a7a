"""How fast jobs are taken over HTTP, every write fsynced before the answer; and beside it the client without HTTP.

One fleet with simulated models whose agents are paused, so that every task stays queued; a job is one task of an agent
with a model, about one file of 200. Each job takes the whole way: who asks, the agents, the prices, what such tasks
cost before, the file, the run, the queue. One process sends over kept connections, each of which waits for its answer
before it asks again; then the same process hands in without HTTP, with as many calls under way. At the end the engine
has counted as many tasks as were answered 201, and `ez fsck` finds nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path

from bench.disk_probe import probing
from bench.fleet import cpu_s, engine_pid, filesystem_of, running_fleet, temporary_settings
from bench.kept_line import KeptLine, kept_lines, port_of, request
from bench.line import percentile, result
from ezaigents.access import Access
from ezaigents.client import Client, Wish
from ezaigents.queue.fsck import check
from ezaigents.records import TaskKind
from ezaigents.settings import Settings

_SINGLES = int(os.environ.get("BENCH_SUBMITS", "10000"))
_LISTED = int(os.environ.get("BENCH_SUBMITS_LISTED", "100000"))
_LINES = 32
_LIST_LINES = 8
_LIST = 100
_FILES = 200
_WARM_UPS = 200
_AGENT = "claude"
_PROMPT = "Say what this file does, and what is wrong with it."
_CREATED = 201
Figures = dict[str, object]


def run() -> Figures:
    """One fleet: over HTTP, then without."""
    with tempfile.TemporaryDirectory(prefix="ez-bench-files-", dir="/var/tmp") as folder:
        for number in range(_FILES):
            (Path(folder) / f"module_{number:03}.py").write_text(f"def f{number}(x):\n    return x + {number}\n" * 20)
        up = [sys.executable, "-m", "ezaigents", "up", "--port", "0", "--sim"]
        with temporary_settings(workspace=folder) as settings, running_fleet(settings, up) as process:
            filesystem = filesystem_of(settings.home_path)
            with probing(settings.home_path) as probe:
                figures = asyncio.run(_measure(settings, process.pid))
            figures["fsync_meanwhile_ms"] = probe.figures()
    return result("submits", n=_SINGLES, n_listed=_LISTED, filesystem=filesystem,
                  **figures)  # fmt: skip


async def _measure(settings: Settings, pid: int) -> Figures:
    port, token = port_of(pid), Access(settings.home_path).own_token()
    costs, own = _Costs(pid, engine_pid(settings)), _Costs(os.getpid(), engine_pid(settings))
    jobs = [json.dumps(_job(number)).encode() for number in range(_FILES)]
    singles = [request(port, token, "POST", "/api/tasks", job) for job in jobs]
    lists = [_list(port, token, jobs, first) for first in range(0, _FILES, 10)]
    async with Client.connect(settings, need_host=False) as client:
        await client.queue.pause(["*"])
        async with kept_lines(port, 1) as lines:
            await _sent(lines, singles, _WARM_UPS)
            one_line = await costs.of(_SINGLES // 5, _sent(lines, singles, _SINGLES // 5))
        async with kept_lines(port, _LINES) as lines:
            one_by_one = await costs.of(_SINGLES, _sent(lines, singles, _SINGLES))
            keyed = await costs.of(_SINGLES // 2, _keyed(lines, port, token, jobs, _SINGLES // 2))
        async with kept_lines(port, _LIST_LINES) as lines:
            listed = await costs.of(_LISTED, _sent(lines, lists, _LISTED // _LIST, each=_LIST))
        http = {"one_line": one_line, "one_by_one": one_by_one, "with_keys": keyed, "lists": listed}
        direct = {
            "one_by_one": await own.of(_SINGLES, _handed_in(client, 1, _SINGLES)),
            "lists": await own.of(_LISTED, _handed_in(client, _LIST, _LISTED // _LIST)),
        }
        counts = await client.queue.counts()
        taken = _WARM_UPS + _SINGLES // 5 + _SINGLES + _SINGLES // 2 + 2 * _LISTED + _SINGLES
        report = await check(client.queue)
    return {
        "http": {**http, "lines": _LINES, "list_lines": _LIST_LINES, "list_of": _LIST},
        "direct": {**direct, "calls_under_way": _LINES},
        "all_taken": counts["accepted"] == taken and counts["ready"] == taken,
        "fsck_clean": report.ok,
    }


class _Costs:
    """Processor time of whoever takes jobs, and of the engine: what is left of a figure on a machine that is busy."""

    def __init__(self, pid: int, engine: int) -> None:
        self._pid = pid
        self._engine = engine

    async def of(self, jobs: int, work: Awaitable[Figures]) -> Figures:
        before = cpu_s([self._pid]), cpu_s([self._engine])
        figures = await work
        taken = cpu_s([self._pid]) - before[0], cpu_s([self._engine]) - before[1]
        return {
            **figures,
            "cpu_us_per_job": round(taken[0] / jobs * 1e6),
            "engine_cpu_us_per_job": round(taken[1] / jobs * 1e6),
        }


def _job(number: int) -> dict[str, object]:
    return {"prompt": _PROMPT, "paths": [f"module_{number:03}.py"], "agent": _AGENT}


def _list(port: int, token: str, jobs: Sequence[bytes], first: int) -> bytes:
    chosen = [jobs[(first + number) % _FILES] for number in range(_LIST)]
    return request(port, token, "POST", "/api/tasks", b"[" + b",".join(chosen) + b"]")


async def _sent(lines: Sequence[KeptLine], requests: Sequence[bytes], total: int, *, each: int = 1) -> Figures:
    """Send `total` requests of `each` jobs over some connections."""

    async def once(line: KeptLine, number: int) -> None:
        status, body = await line.ask(requests[number % len(requests)])
        assert status == _CREATED, body

    return await _timed([partial(once, line) for line in lines], total, each)


async def _keyed(lines: Sequence[KeptLine], port: int, token: str, jobs: Sequence[bytes], total: int) -> Figures:
    """The same, each under a key of its own."""

    async def once(line: KeptLine, number: int) -> None:
        key = f"Idempotency-Key: bench-{number}"
        status, body = await line.ask(request(port, token, "POST", "/api/tasks", jobs[number % _FILES], key))
        assert status == _CREATED, body

    return await _timed([partial(once, line) for line in lines], total, 1)


async def _handed_in(client: Client, each: int, total: int) -> Figures:
    """`Client.submit_all`, as a program hands in that needs no HTTP."""

    async def once(number: int) -> None:
        await client.submit_all([_wish(number * each + more) for more in range(each)])

    return await _timed([once] * (_LINES if each == 1 else _LIST_LINES), total, each)


def _wish(number: int) -> Wish:
    return Wish(prompt=_PROMPT, paths=(f"module_{number % _FILES:03}.py",), agent=_AGENT, kind=TaskKind.ANALYZE)


async def _timed(callers: Sequence[Callable[[int], Awaitable[None]]], total: int, each: int) -> Figures:
    numbers, times = count(), list[float]()

    async def go_on(once: Callable[[int], Awaitable[None]]) -> None:
        while (number := next(numbers)) < total:
            began_s = time.perf_counter()
            await once(number)
            times.append((time.perf_counter() - began_s) * 1000)

    began_s = time.perf_counter()
    await asyncio.gather(*(go_on(once) for once in callers))
    took_s = time.perf_counter() - began_s
    return {
        "per_s": round(total * each / took_s),
        "ms": {f"p{percent}": round(percentile(times, percent), 2) for percent in (50, 95, 99)},
        "requests": total,
    }
