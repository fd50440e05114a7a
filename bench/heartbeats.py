"""What the heartbeats of an idle fleet weigh on the wire: delta beside full, with six agents and with 10,000.

The four are measured side by side, each with an engine of its own and a process (`python -m bench.heartbeats AGENTS`)
that does nothing but beat. Bytes are those of both directions, read and written by the engine, less what asking for
them added; commands inside scripts count.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bench.fleet import engine_connection, running_fleet, temporary_settings
from bench.line import result
from ezaigents.agents.catalog import declared_agents
from ezaigents.clock import SystemClock
from ezaigents.engine import Connection, begin
from ezaigents.home import open_home
from ezaigents.queue import Keys
from ezaigents.records import AgentCard, HostCard
from ezaigents.runtime.health import Checkup, HealthBook
from ezaigents.runtime.heartbeat import make_heartbeat
from ezaigents.scorecard import Window, quiet_window
from ezaigents.settings import Settings, load_settings
from ezaigents.team import Registry

_WINDOW_S = float(os.environ.get("BENCH_HEARTBEATS_S", "120"))
_SETTLE_S = 1.0
_KINDS = ("delta", "full")
_FEW = 6
_MANY = 10_000


def _card(settings: Settings, identity: str, count: int) -> HostCard:
    """The card of a usual host; beyond the agents of the catalogue, of one with agents that do nothing."""
    agents = tuple(declared.card for declared in declared_agents().values())
    if count > len(agents):
        agents = tuple(AgentCard(name=f"null{number}", slots=1) for number in range(count))
    return HostCard(
        name=settings.name,
        pid=os.getpid(),
        node=os.uname().nodename,
        boot=os.urandom(6).hex(),
        home=settings.home,
        places=(identity[:10],),
        agents=agents,
        started_ms=SystemClock().wall_ms(),
        started_in_ms=0,
    )


async def _beat(settings: Settings, count: int) -> None:
    """Start an engine, announce, and beat until told to stop. Prints `ready in ...` on stderr as a fleet does."""
    engine = begin(settings).ready()
    identity = open_home(settings.home_path)
    try:
        async with Connection(engine.address, client_name="ez-host") as connection:
            registry, card = Registry(connection, Keys(identity)), _card(settings, identity, count)
            checkup = Checkup(HealthBook(), settings.home_path, memory_limit_bytes=settings.memory_limit_bytes)
            heartbeat = make_heartbeat(settings, registry, lambda: card, checkup, SystemClock())
            await registry.announce(card)
            await registry.beat(card.name)  # the engine has every script from here on
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heartbeat.stop)
            print("ready in 0 s", file=sys.stderr, flush=True)
            await heartbeat.run()
    finally:
        engine.leave()


class _Case(msgspec.Struct, frozen=True):
    kind: str
    agents: int


def _measure(case: _Case) -> Window:
    command = [sys.executable, "-m", "bench.heartbeats", str(case.agents)]
    with temporary_settings(heartbeat=case.kind) as settings, running_fleet(settings, command) as process:
        time.sleep(_SETTLE_S)
        with engine_connection(settings) as connection:
            return quiet_window(connection, [process.pid], _WINDOW_S)


def _figures(window: Window) -> dict[str, float]:
    beats = window.calls.get("evalsha", 0)
    return {
        "bytes_per_s": round(window.traffic.network_bytes / window.window_s, 1),
        "bytes_per_beat": round(window.traffic.network_bytes / max(1, beats)),
        "beats": beats,
        "commands_per_beat": round(window.traffic.commands / max(1, beats), 1),
        "cpu_s_per_min": round(window.cpu_s * 60 / window.window_s, 4),
    }


def run() -> dict[str, object]:
    """Measure all four in one window."""
    cases = [_Case(kind, agents) for kind in _KINDS for agents in (_FEW, _MANY)]
    with ThreadPoolExecutor(len(cases)) as pool:
        windows = list(pool.map(_measure, cases))
    return result(
        "heartbeats",
        n=1,
        window_s=round(windows[0].window_s, 1),
        **{f"{case.kind}_{case.agents}": _figures(window) for case, window in zip(cases, windows, strict=True)},
    )


if __name__ == "__main__":
    asyncio.run(_beat(load_settings(), int(sys.argv[1])))
