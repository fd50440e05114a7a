"""Is the memory of a host with its site open flat over minutes or hours of work? `--minutes N`; 5 by default.

A fleet of agents that do nothing, ended tasks kept for 10 s. Jobs come over HTTP one by one and as lists at a steady
rate; three streams and a WebSocket listen, one stream never reads, one sleeps a minute at a time, one leaves and comes
back with the last event it heard; pages and lists of tasks are loaded. Every 5 s the resident memory of the host and of
the engine is noted. After a warm-up of a fifth of the time the samples are cut in three: `growth_mb` is the mean of the
last third less that of the first, `slope_mb_per_h` the least squares over all. `host_mb`: some
of the samples, warm-up included.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import sys
import tempfile
import time
from collections import Counter
from itertools import count, cycle
from pathlib import Path
from statistics import mean

from bench.fleet import engine_connection, engine_pid, info, memory_of, running_fleet, temporary_settings
from bench.kept_line import KeptLine, kept_lines, port_of, request
from bench.line import result
from ezaigents.access import Access
from ezaigents.client import Client
from ezaigents.settings import Settings

MINUTES = float(os.environ.get("BENCH_MINUTES", "5"))
_JOBS_PER_S = 20
_LIST_EVERY_S = 1.0
_LIST = 20
_PAGE_EVERY_S = 1.0
_SAMPLE_S = 5.0
_SLEEP_S = 60.0
_WARM_UP = 0.2
_FLAT_MB = 1.0
_KEEP_S = 10.0
_READ_BYTES = 65536
_SLOW_BYTES = 4096
_SETTLED_S = 60.0
_SHOWN = 24
_PATHS = ("/", "/tasks", "/new", "/problems", "/api/tasks?limit=50", "/api/agents", "/api/status", "/api/problems")

_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Site:
    """Where requests go, and what became of them."""

    def __init__(self, settings: Settings, pid: int, end_s: float) -> None:
        self.port = port_of(pid)
        self.token = Access(settings.home_path).own_token()
        self.end_s = end_s
        self.counts: Counter[str] = Counter()

    @property
    def goes_on(self) -> bool:
        """Whether it is not over yet."""
        return time.monotonic() < self.end_s

    def request(self, method: str, path: str, body: object = None, *more: str) -> bytes:
        """A request's bytes."""
        return request(self.port, self.token, method, path, b"" if body is None else json.dumps(body).encode(), *more)

    async def ask(self, line: KeptLine, method: str, path: str, body: object = None) -> None:
        """Ask, and count what was answered."""
        status, _ = await line.ask(self.request(method, path, body))
        self.counts[f"answered_{status}"] += 1


def run() -> dict[str, object]:
    """Work for so many minutes, then see whether it grew."""
    with tempfile.TemporaryDirectory(prefix="ez-bench-files-", dir="/var/tmp") as folder:
        for number in range(_LIST):
            (Path(folder) / f"{number}.py").write_text("x = 1\n")
        command = [sys.executable, "-m", "bench.null_fleet", "--site"]
        with (
            temporary_settings(workspace=folder, ended_keep_s=_KEEP_S, sweep_s=1.0, port=0) as settings,
            running_fleet(settings, command) as process,
        ):
            figures = asyncio.run(_measure(settings, process.pid))
    return result("site_soak", minutes=MINUTES, **figures)


async def _measure(settings: Settings, pid: int) -> dict[str, object]:
    site = _Site(settings, pid, time.monotonic() + MINUTES * 60)
    samples: list[tuple[int, int, int]] = []
    async with kept_lines(site.port, 3) as (singles, lists, pages), asyncio.TaskGroup() as group:
        for work in (
            _hand_in(site, singles), _hand_in_lists(site, lists), _load(site, pages), _sleep_and_hear(site),
            _never_read(site), _come_and_go(site), _hear_socket(site), *(_hear(site) for _ in range(3)),
        ):  # fmt: skip
            group.create_task(work)
        while site.goes_on:
            await asyncio.sleep(_SAMPLE_S)
            with engine_connection(settings) as connection:
                used = int(info(connection, "memory")["used_memory"])
            samples.append((memory_of([pid]).rss_bytes, memory_of([engine_pid(settings)]).rss_bytes, used))
    left = await _left(settings)
    series = {name: [one[place] for one in samples] for place, name in enumerate(("host", "engine", "engine_used"))}
    figures = {name: _growth(values) for name, values in series.items()}
    return {
        **figures,
        "host_mb": [round(value / 1e6, 2) for value in series["host"][:: max(1, len(samples) // _SHOWN)]],
        "flat": figures["host"]["growth_mb"] <= _FLAT_MB,
        "flat_means_mb": _FLAT_MB,
        "tasks": left,
        **dict(sorted(site.counts.items())),
    }


def _growth(values: list[int]) -> dict[str, float]:
    values = values[round(len(values) * _WARM_UP) :]
    third = max(1, len(values) // 3)
    middle, above = (len(values) - 1) / 2, mean(values)
    spread = sum((x - middle) ** 2 for x in range(len(values))) or 1
    slope = sum((x - middle) * (y - above) for x, y in enumerate(values)) / spread
    return {
        "first_third_mb": round(mean(values[:third]) / 1e6, 2),
        "last_third_mb": round(mean(values[-third:]) / 1e6, 2),
        "growth_mb": round((mean(values[-third:]) - mean(values[:third])) / 1e6, 3),
        "slope_mb_per_h": round(slope / 1e6 * 3600 / _SAMPLE_S, 2),
        "most_mb": round(max(values) / 1e6, 2),
    }


async def _left(settings: Settings) -> dict[str, int]:
    """What became of the tasks: taken in all, and those that are still open a minute later."""
    async with Client.connect(settings, need_host=False) as client:
        end_s = time.monotonic() + _SETTLED_S
        while True:
            counts = await client.queue.counts()
            unended = sum(counts[state] for state in ("ready", "blocked", "leased", "delayed"))
            if not unended or time.monotonic() > end_s:
                return {"accepted": counts["accepted"], "open_at_the_end": unended, "dead": counts["dead"]}
            await asyncio.sleep(0.5)


# -- work ------------------------------------------------------------------------------------------------------------


def _job(number: int) -> dict[str, object]:
    return {"prompt": "What is here?", "agent": "null0", "paths": [f"{number % _LIST}.py"]}


async def _hand_in(site: _Site, line: KeptLine) -> None:
    began_s = time.monotonic()
    for number in count():
        if not site.goes_on:
            return
        await asyncio.sleep(max(0.0, began_s + number / _JOBS_PER_S - time.monotonic()))
        await site.ask(line, "POST", "/api/tasks", _job(number))


async def _hand_in_lists(site: _Site, line: KeptLine) -> None:
    while site.goes_on:
        await asyncio.sleep(_LIST_EVERY_S)
        await site.ask(line, "POST", "/api/tasks", [_job(number) for number in range(_LIST)])


async def _load(site: _Site, line: KeptLine) -> None:
    for path in cycle(_PATHS):
        if not site.goes_on:
            return
        await asyncio.sleep(_PAGE_EVERY_S)
        await site.ask(line, "GET", path)


# -- listeners -------------------------------------------------------------------------------------------------------


async def _open(site: _Site, path: str = "/api/events", *more: str, slow: bool = False) -> _Stream:
    """A stream; `slow`: the kernel holds next to nothing for it, so that the host finds out that nobody reads."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if slow:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SLOW_BYTES)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", site.port))
    reader, writer = await asyncio.open_connection(sock=made, limit=_SLOW_BYTES if slow else _READ_BYTES)
    writer.write(site.request("GET", path, None, *more))
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _read(site: _Site, reader: asyncio.StreamReader, until_s: float, name: str) -> bytes:
    """Read until then, count what came, and return the last of it."""
    last = b""
    while (left_s := min(until_s, site.end_s) - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(left_s):
                data = await reader.read(_READ_BYTES)
        except TimeoutError:
            break
        if not data:
            site.counts[f"{name}_ended"] += 1
            break
        site.counts[f"{name}_events"] += data.count(b'"type":"task-update"')
        site.counts[f"{name}_resyncs"] += data.count(b'"type":"resync"')
        last = (last + data)[-_READ_BYTES:]
    return last


async def _hear(site: _Site) -> None:
    reader, writer = await _open(site)
    await _read(site, reader, site.end_s, "stream")
    writer.close()


async def _hear_socket(site: _Site) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")
    while site.goes_on:  # it answers no pings, and is sent away
        reader, writer = await _open(site, "/ws", *upgrade)
        await _read(site, reader, site.end_s, "socket")
        writer.close()


async def _never_read(site: _Site) -> None:
    _, writer = await _open(site, slow=True)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(max(0.0, site.end_s - time.monotonic()))
    writer.transport.abort()


async def _sleep_and_hear(site: _Site) -> None:
    reader, writer = await _open(site, slow=True)
    while site.goes_on:
        await asyncio.sleep(min(_SLEEP_S, max(0.0, site.end_s - time.monotonic())))
        await _read(site, reader, time.monotonic() + 3, "sleeper")
    writer.close()


async def _come_and_go(site: _Site) -> None:
    last = ""
    while site.goes_on:
        reader, writer = await _open(site, f"/api/events?since={last}" if last else "/api/events")
        heard = await _read(site, reader, time.monotonic() + 2, "visitor")
        ids = [line[4:] for line in heard.split(b"\n") if line.startswith(b"id: ")]
        last = ids[-2].decode() if len(ids) > 1 else last
        site.counts["visits"] += 1
        writer.close()
        await asyncio.sleep(1)
