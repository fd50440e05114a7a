"""What the fleet over HTTP costs: memory before and after the first visit, of 100 listeners, and while nobody moves.

One fleet without simulated models. A listener is a connection to `/api/events`. Bytes are those of bodies, packed as
they are sent; times are those of one client on this machine, one request after the other, on a kept connection.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from statistics import median, quantiles

import httpx2
import msgspec

from bench.fleet import Measured, cpu_s, engine_connection, family, memory_of, running_fleet, temporary_settings
from bench.kept_line import port_of
from bench.line import result
from ezaigents.access import Access
from ezaigents.settings import Settings

_WINDOW_S = 30.0
_SETTLE_S = 3.0
_LISTENERS = 100
_PAGES = ("/", "/tasks", "/new", "/problems")
_TIMES = 200
_FILES = re.compile(r'(?:src|href)="(/static/[^"]+)"')


def run() -> dict[str, object]:
    """Measure one fleet from before the first visit on."""
    up = [sys.executable, "-m", "ezaigents", "up", "--port", "0"]
    with temporary_settings() as settings, running_fleet(settings, up) as process:
        return asyncio.run(_measure(settings, process.pid))


class Tab(msgspec.Struct, frozen=True, kw_only=True):
    """What a first visit met, and what the fleet weighs with that one tab open. `writers`: its stream."""

    first_ms: float
    files: tuple[str, ...]
    size_bytes: int
    weighs: Measured
    writers: list[asyncio.StreamWriter]


async def open_tab(http: httpx2.AsyncClient, settings: Settings, pid: int) -> Tab:
    """Visit as a browser does that was never here: the first page, its files, the other pages, and a stream."""
    began_s = time.perf_counter()
    page = await http.get("/")
    first_ms = (time.perf_counter() - began_s) * 1000
    files, size = tuple(_FILES.findall(page.text)), 0
    for name in ("/", *files):
        async with http.stream("GET", name) as answer:
            size += sum([len(piece) async for piece in answer.aiter_raw()])
    for name in _PAGES:
        (await http.get(name)).raise_for_status()
    writers = await _listen(str(http.base_url), http.headers["authorization"], 1)
    await asyncio.sleep(_SETTLE_S)
    weighs = memory_of(family(pid, settings))
    return Tab(first_ms=first_ms, files=files, size_bytes=size, weighs=weighs, writers=writers)


def visitor(settings: Settings, pid: int) -> httpx2.AsyncClient:
    """A client with the host's own token."""
    headers = {"authorization": f"Bearer {Access(settings.home_path).own_token()}", "accept-encoding": "gzip"}
    return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(pid)}", headers=headers, timeout=20, trust_env=False)


async def _measure(settings: Settings, pid: int) -> dict[str, object]:
    await asyncio.sleep(_SETTLE_S)
    before = memory_of(family(pid, settings))
    async with visitor(settings, pid) as http:
        tab = await open_tab(http, settings, pid)
        times = [await _took_ms(http, "/") for _ in range(_TIMES)]
        idle_s = await _idle(settings, pid)
        more = await _listen(str(http.base_url), http.headers["authorization"], _LISTENERS - 1)
        await asyncio.sleep(_SETTLE_S)
        crowded = memory_of(family(pid, settings))
        crowded_s = await _idle(settings, pid)
        for writer in (*tab.writers, *more):
            writer.close()
    return result(
        "web",
        n=1,
        rss_before_mb=round(before.rss_bytes / 1e6, 1),
        rss_visited_mb=round(tab.weighs.rss_bytes / 1e6, 1),
        kb_per_listener=round((crowded.rss_bytes - tab.weighs.rss_bytes) / (_LISTENERS - 1) / 1e3, 1),
        listeners=_LISTENERS,
        cpu_s_per_min=round(idle_s * 60 / _WINDOW_S, 4),
        cpu_s_per_min_crowded=round(crowded_s * 60 / _WINDOW_S, 4),
        first_visit_ms=round(tab.first_ms, 1),
        page_ms_p50=round(median(times), 2),
        page_ms_p99=round(quantiles(times, n=100)[98], 2),
        pages=_TIMES,
        first_page_kb=round(tab.size_bytes / 1e3, 1),
        first_page_requests=len(tab.files) + 1,
    )


async def _took_ms(http: httpx2.AsyncClient, path: str) -> float:
    began_s = time.perf_counter()
    (await http.get(path)).raise_for_status()
    return (time.perf_counter() - began_s) * 1000


async def _idle(settings: Settings, pid: int) -> float:
    """Processor time of the fleet while nothing happens."""
    with engine_connection(settings):  # it lives
        pids = family(pid, settings)
    began_s = cpu_s(pids)
    await asyncio.sleep(_WINDOW_S)
    return cpu_s(pids) - began_s


async def _listen(address: str, authorization: str, count: int) -> list[asyncio.StreamWriter]:
    """Open streams, and read the beginning of each."""
    host, _, port = address.removeprefix("http://").rstrip("/").partition(":")
    head = f"GET /api/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: {authorization}\r\n\r\n"
    writers = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode())
        await reader.readuntil(b"retry: ")
        writers.append(writer)
    return writers
