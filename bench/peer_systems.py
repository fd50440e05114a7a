"""The queues beside ours, as processes: `python -m bench.peer_systems NAME submit|work URL COUNT`.

Job: use each as its own documents advise, with settings tried out here (docs/benchmarks.md); print one JSON object.
`submit`: hand in COUNT empty tasks, many calls in flight at once. `work`: one worker process; it says `began_s`, the
monotonic time just before it starts to take tasks (loaded and connected), and `ended_s`, when the last task's body ran.
That favours them: our own drain ends when each task's end is recorded and fsynced. Nothing of ours is imported here,
so that another environment's interpreter can run it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

IN_FLIGHT = 100
"""Submits under way at once, for every system, ours included."""

SETTINGS: dict[str, dict[str, Any]] = {
    "taskiq-list": {"max_async_tasks": 100, "max_prefetch": 100},
    "taskiq-stream": {"max_async_tasks": 100, "max_prefetch": 100, "xread_count": 100},
    "saq": {"concurrency": 100, "ttl": -1},
    "arq": {"max_jobs": 100, "queue_read_limit": 500, "poll_delay": 0.01, "keep_result": 0, "log_results": False},
}
"""Nobody keeps results: taskiq has no result backend, saq's `ttl` -1 and arq's `keep_result` 0 turn theirs off.
taskiq-list takes a task off its list before it is done: one that dies with its worker is lost there, as ours never is.
"""

_DISTRIBUTIONS = {
    "taskiq-list": ("taskiq", "taskiq-redis", "redis"),
    "taskiq-stream": ("taskiq", "taskiq-redis", "redis"),
    "saq": ("saq", "redis"),
    "arq": ("arq", "redis"),
}


class _Countdown:
    """Counts the bodies that ran; `ended_s` when there were as many as expected."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.ended_s = 0.0
        self.ended = asyncio.Event()

    def ran(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.ended_s = time.monotonic()
            self.ended.set()


Handing = Callable[[], Awaitable[object]]


async def _submit_all(hand_in: Handing, count: int) -> dict[str, float]:
    async def some(part: int) -> None:
        for _ in range(part):
            await hand_in()

    await hand_in()  # connects
    began_s = time.monotonic()
    await asyncio.gather(*(some((count - 1) // IN_FLIGHT) for _ in range(IN_FLIGHT)))
    ended_s = time.monotonic()
    handed = (count - 1) // IN_FLIGHT * IN_FLIGHT
    for _ in range(count - 1 - handed):
        await hand_in()
    return {"per_s": handed / (ended_s - began_s)}


async def _work_all(consume: Callable[[], Awaitable[object]], countdown: _Countdown) -> dict[str, float]:
    began_s = time.monotonic()
    consuming = asyncio.ensure_future(consume())
    await asyncio.wait([consuming, asyncio.ensure_future(countdown.ended.wait())], return_when="FIRST_COMPLETED")
    if not countdown.ended.is_set():
        raise RuntimeError(f"the worker ended with {countdown.left} tasks left: {consuming}")
    return {"began_s": began_s, "ended_s": countdown.ended_s}


# -- taskiq -------------------------------------------------------------------------------------------------------


def _taskiq_broker(name: str, url: str) -> Any:
    from taskiq_redis import ListQueueBroker, RedisStreamBroker

    if name == "taskiq-list":
        return ListQueueBroker(url, max_connection_pool_size=IN_FLIGHT)
    return RedisStreamBroker(
        url, max_connection_pool_size=IN_FLIGHT, consumer_id="0", xread_count=SETTINGS[name]["xread_count"]
    )


async def _taskiq(name: str, what: str, url: str, count: int) -> dict[str, float]:
    from taskiq.api import run_receiver_task

    countdown = _Countdown(count)

    async def null() -> None:
        countdown.ran()

    broker = _taskiq_broker(name, url)
    task = broker.register_task(null, task_name="null")
    if what == "submit":
        await broker.startup()
        return await _submit_all(task.kiq, count)
    broker.is_worker_process = True
    await broker.startup()
    settings = SETTINGS[name]
    return await _work_all(
        lambda: run_receiver_task(
            broker,
            max_async_tasks=settings["max_async_tasks"],
            max_prefetch=settings["max_prefetch"],
        ),
        countdown,
    )


# -- saq ----------------------------------------------------------------------------------------------------------


async def _saq(name: str, what: str, url: str, count: int) -> dict[str, float]:
    from redis.asyncio import Redis
    from saq import Worker
    from saq.queue.redis import RedisQueue

    queue: Any = RedisQueue(Redis.from_url(url), max_concurrent_ops=IN_FLIGHT)
    await queue.connect()
    countdown = _Countdown(count)

    async def null(_: Any) -> None:
        countdown.ran()

    if what == "submit":
        return await _submit_all(lambda: queue.enqueue("null", ttl=SETTINGS[name]["ttl"]), count)
    worker: Any = Worker(queue, [("null", null)], concurrency=SETTINGS[name]["concurrency"])
    return await _work_all(worker.start, countdown)


# -- arq ----------------------------------------------------------------------------------------------------------


async def _arq(name: str, what: str, url: str, count: int) -> dict[str, float]:
    from arq import create_pool
    from arq.connections import RedisSettings
    from arq.worker import Worker, func

    settings = RedisSettings.from_dsn(url)
    settings.max_connections = IN_FLIGHT * 2
    pool: Any = await create_pool(settings)
    countdown = _Countdown(count)

    async def null(_: Any) -> None:
        countdown.ran()

    if what == "submit":
        return await _submit_all(lambda: pool.enqueue_job("null"), count)
    body: Any = null
    kept = func(body, name="null", keep_result=0)
    worker: Any = Worker([kept], redis_pool=pool, queue_name=pool.default_queue_name, **SETTINGS[name])
    return await _work_all(worker.async_run, countdown)


_SYSTEMS = {"taskiq-list": _taskiq, "taskiq-stream": _taskiq, "saq": _saq, "arq": _arq}


def _main() -> None:
    logging.disable(logging.CRITICAL)
    name, what, url, count = sys.argv[1:]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    figures = loop.run_until_complete(_SYSTEMS[name](name, what, url, int(count)))
    versions = {distribution: version(distribution) for distribution in _DISTRIBUTIONS[name]}
    sys.stdout.write(json.dumps({**figures, "versions": versions}) + "\n")
    sys.stdout.flush()
    # Their graceful ends take seconds and are not what is measured; the engine is thrown away next.
    os._exit(0)


if __name__ == "__main__":
    _main()
