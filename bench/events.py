"""How long an event takes to whoever listens, at 1,000 events a second.

One process ends tasks at that rate, each end fsynced; another listens on ten streams of `/api/events`, and fetches the
live part of the first page at every `agent-update`, as an open tab does. Measured twice, over all streams: from just
before the end was told to the engine, one fsync included, and from the engine's own time of the event, which is in
whole milliseconds, until the bytes are there. One clock, one machine. Nothing may be missing, twice, or out of order.
Once with every end fsynced, once with one fsync a second. `own_lateness_ms`: how late the listening process was woken
from sleeps of 5 ms meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time

from bench.disk_probe import probing
from bench.fleet import cpu_s, engine_pid, filesystem_of, running_fleet, temporary_settings
from bench.kept_line import kept_lines, port_of, request
from bench.line import percentile, result
from ezaigents.access import Access
from ezaigents.settings import Settings

_EVENTS = int(os.environ.get("BENCH_EVENTS", "20000"))
_PER_S = float(os.environ.get("BENCH_EVENTS_PER_S", "1000"))
_LISTENERS = 10
_PATIENCE_S = 30.0
_STEP_S = 0.005
_DONE = re.compile(rb'data: (\{"type":"task-update".*?"state":"done".*?\})\n')
_AGENTS = b'"type":"agent-update"'
_RESYNC = b'"type":"resync"'


class Listener(asyncio.Protocol):
    """One stream, and when each piece of it came; it is looked at when all is over."""

    def __init__(self) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self.agents_changed = asyncio.Event()
        self.ends = 0

    def data_received(self, data: bytes) -> None:
        self.pieces.append((time.monotonic(), data))
        self.ends += data.count(b'"state":"done"')
        if _AGENTS in data:
            self.agents_changed.set()

    def heard(self) -> tuple[list[tuple[str, int, float]], int]:
        """Of each task that ended: id, the engine's time (ms since 1970), when it was heard; and how many resyncs."""
        found, rest, resyncs = [], b"", 0
        for at_s, data in self.pieces:
            text = rest + data
            last = 0
            for match in _DONE.finditer(text):
                said = json.loads(match[1])
                found += [(task, said["at_ms"], at_s) for task in said["tasks"]]
                last = match.end()
            resyncs += text.count(_RESYNC, last if last else 0)
            rest = text[max(last, text.rfind(b"\n\n") + 2 if b"\n\n" in text else 0) :]
        return found, resyncs


def run() -> dict[str, object]:
    """With every write fsynced, and with one fsync a second."""
    return result(
        "events", n=_EVENTS, per_s=_PER_S, listeners=_LISTENERS, runs=[_run(durable=True), _run(durable=False)]
    )


def _run(*, durable: bool) -> dict[str, object]:
    """One fleet, one source, ten listeners."""
    up = [sys.executable, "-m", "ezaigents", "up", "--port", "0"]
    with (
        temporary_settings(engine_fsync="always" if durable else "everysec") as settings,
        running_fleet(settings, up) as process,
    ):
        filesystem = filesystem_of(settings.home_path)
        with probing(settings.home_path) as probe:
            figures = asyncio.run(_measure(settings, process.pid))
        return {"durable": durable, **figures, "fsync_meanwhile_ms": probe.figures(), "filesystem": filesystem}


async def _measure(settings: Settings, pid: int) -> dict[str, object]:
    port, token = port_of(pid), Access(settings.home_path).own_token()
    loop = asyncio.get_running_loop()
    source = subprocess.Popen(
        [sys.executable, "-m", "bench.event_source", settings.home, str(_EVENTS), str(_PER_S)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with source:
        assert source.stdout is not None
        assert source.stdin is not None
        assert await asyncio.to_thread(source.stdout.readline) == "ready\n"
        listeners = []
        for _ in range(_LISTENERS):
            transport, listener = await loop.create_connection(Listener, "127.0.0.1", port)
            transport.write(request(port, token, "GET", "/api/events"))
            listeners.append(listener)
        await _until(lambda: all(b"retry" in b"".join(data for _, data in one.pieces) for one in listeners))
        pids, before_s = [pid, engine_pid(settings)], (cpu_s([pid]), cpu_s([engine_pid(settings)]))
        began_s = time.monotonic()
        source.stdin.write("go\n")
        source.stdin.flush()
        looking = asyncio.create_task(_look(listeners[0], port, token))
        late_ms: list[float] = []
        waiting = asyncio.create_task(_wait(late_ms))
        sent: dict[str, float] = json.loads(await asyncio.to_thread(source.stdout.readline))
        took_s = time.monotonic() - began_s
        await _until(lambda: all(one.ends >= _EVENTS for one in listeners))
        looking.cancel()
        waiting.cancel()
        cost_s = cpu_s(pids[:1]) - before_s[0], cpu_s(pids[1:]) - before_s[1]
    return {
        **_figures(listeners, sent),
        "own_lateness_ms": _percentiles(late_ms),
        "per_s_reached": round(_EVENTS / took_s),
        "host_cpu_share": round(cost_s[0] / took_s, 2),
        "engine_cpu_share": round(cost_s[1] / took_s, 2),
    }


async def _wait(late_ms: list[float]) -> None:
    """How late this process itself is woken: what the machine adds to any figure here."""
    while True:
        due_s = time.monotonic() + _STEP_S
        await asyncio.sleep(_STEP_S)
        late_ms.append((time.monotonic() - due_s) * 1000)


async def _look(listener: Listener, port: int, token: str) -> None:
    """What an open tab does when agents have changed."""
    async with kept_lines(port, 1) as lines:
        while True:
            await listener.agents_changed.wait()
            listener.agents_changed.clear()
            await lines[0].ask(request(port, token, "GET", "/", b"", "HX-Request: true"))


async def _until(is_so: object) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not is_so():  # type: ignore[operator]
            await asyncio.sleep(0.05)


def _figures(listeners: list[Listener], sent: dict[str, float]) -> dict[str, object]:
    wall_ms = time.time() * 1000 - time.monotonic() * 1000
    from_call, from_engine, in_order, resyncs = list[float](), list[float](), True, 0
    for listener in listeners:
        heard, lost = listener.heard()
        resyncs += lost
        assert len(heard) == len({task for task, _, _ in heard})
        in_order = in_order and [at_ms for _, at_ms, _ in heard] == sorted(at_ms for _, at_ms, _ in heard)
        from_call += [(at_s - sent[task]) * 1000 for task, _, at_s in heard]
        from_engine += [at_s * 1000 + wall_ms - at_ms for _, at_ms, at_s in heard]
    return {
        "from_call_ms": _percentiles(from_call),
        "from_engine_ms": _percentiles(from_engine),
        "heard": len(from_call),
        "missing": len(sent) * len(listeners) - len(from_call),
        "in_order": in_order,
        "resyncs": resyncs,
    }


def _percentiles(times_ms: list[float]) -> dict[str, float]:
    figures = {f"p{percent}": round(percentile(times_ms, percent), 2) for percent in (50, 95, 99)}
    return {**figures, "most": round(max(times_ms), 2)}
