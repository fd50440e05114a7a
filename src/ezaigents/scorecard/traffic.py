"""A window in which nothing happens: processor time, commands and bytes. Job: count them without the counting itself.

Commands are counted by the engine, those inside scripts too; bytes are those that it read and wrote.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence

import msgspec

from ezaigents.engine import BlockingConnection
from ezaigents.scorecard.processes import cpu_s

_NET = ("total_net_input_bytes", "total_net_output_bytes")


class Traffic(msgspec.Struct, frozen=True):
    """Commands that the engine carried out, and bytes that it read and wrote."""

    commands: int
    network_bytes: int

    def __sub__(self, other: Traffic) -> Traffic:
        return Traffic(self.commands - other.commands, self.network_bytes - other.network_bytes)


class Window(msgspec.Struct, frozen=True):
    """What happened in `window_s` seconds, without what the measuring itself did. `calls`: by command."""

    window_s: float
    cpu_s: float
    traffic: Traffic
    calls: dict[str, int]


def quiet_window(
    connection: BlockingConnection, pids: Sequence[int], window_s: float, wait: Callable[[float], None] = time.sleep
) -> Window:
    """Watch for `window_s` seconds. `pids`: the processes whose processor time counts."""
    own = _own_traffic(connection)
    calls_before = _calls(connection)
    first = traffic(connection)
    began_s, began_cpu_s = time.monotonic(), cpu_s(pids)
    wait(window_s)
    used_cpu_s, took_s = cpu_s(pids) - began_cpu_s, time.monotonic() - began_s
    last = traffic(connection)
    calls = {name: count - calls_before.get(name, 0) for name, count in _calls(connection).items()}
    del calls["info"]
    return Window(took_s, used_cpu_s, last - first - own, {name: count for name, count in calls.items() if count})


def traffic(connection: BlockingConnection) -> Traffic:
    """What the engine has done since it started."""
    stats = info(connection, "stats")
    return Traffic(int(stats["total_commands_processed"]), sum(int(stats[name]) for name in _NET))


def info(connection: BlockingConnection, section: str) -> dict[str, str]:
    """A section of the engine's INFO."""
    text: bytes = connection.call("INFO", section)
    pairs = (line.partition(":") for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _own_traffic(connection: BlockingConnection) -> Traffic:
    """What one look at the statistics adds to them: the least seen between two looks at once, of ten."""
    looks = [traffic(connection) for _ in range(11)]
    steps = [late - early for early, late in itertools.pairwise(looks)]
    return min(steps, key=lambda step: step.network_bytes)


def _calls(connection: BlockingConnection) -> dict[str, int]:
    stats = info(connection, "commandstats")
    return {name.removeprefix("cmdstat_"): int(text.split("=")[1].split(",")[0]) for name, text in stats.items()}
