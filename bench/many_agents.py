"""10,000 idle agents in one host: what they weigh, and that a task to any of them is picked up and run.

Memory is that of the host and the engine together; tasks are sent to 200 agents spread over all of them.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import AbstractContextManager

import msgspec

from bench.fleet import family, memory_of, running_fleet, temporary_settings
from bench.line import percentile, result
from bench.queue_rates import run_record, specs
from ezaigents.client import Client
from ezaigents.settings import Settings

_AGENTS = 10_000
_SETTLE_S = 5
_TASKS = 200


async def _reached(settings: Settings) -> list[float]:
    """Seconds from before the submit until the task is seen done, for a task to each of some agents."""
    took = []
    async with Client.connect(settings, need_host=False) as client:
        for number in range(0, _AGENTS, _AGENTS // _TASKS):
            run = msgspec.structs.replace(run_record(settings), agent=f"null{number}")
            tasks = specs(settings, run.id, 1, agent=f"null{number}")
            began_s = time.perf_counter()
            await client.queue.submit(tasks, run=run)
            while (await client.queue.task(tasks[0].id)).state != "done":
                await asyncio.sleep(0.001)
            took.append(time.perf_counter() - began_s)
    return took


def _fleet(settings: Settings, agents: int) -> AbstractContextManager[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bench.null_fleet", "--agents", str(agents), "--slots", "1"]
    return running_fleet(settings, command)


def run() -> dict[str, object]:
    """Measure one agent, then 10,000, in the same way; then reach some of them."""
    with temporary_settings() as settings, _fleet(settings, 1) as process:
        time.sleep(_SETTLE_S)
        one = memory_of(family(process.pid, settings))
    with temporary_settings() as settings, _fleet(settings, _AGENTS) as process:
        time.sleep(_SETTLE_S)
        many = memory_of(family(process.pid, settings))
        took = asyncio.run(_reached(settings))
        after = memory_of(family(process.pid, settings))
    return result(
        "many_agents",
        n=_AGENTS,
        rss_mb=round(many.rss_bytes / 1e6, 1),
        pss_mb=round(many.pss_bytes / 1e6, 1),
        rss_mb_of_one=round(one.rss_bytes / 1e6, 1),
        rss_mb_after_tasks=round(after.rss_bytes / 1e6, 1),
        bytes_per_idle_agent=round((many.rss_bytes - one.rss_bytes) / _AGENTS),
        tasks_run=len(took),
        seen_done_ms_p50=round(percentile(took, 50) * 1000, 2),
        seen_done_ms_p99=round(percentile(took, 99) * 1000, 2),
    )
