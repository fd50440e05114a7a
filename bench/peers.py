"""Our queue beside taskiq, saq and arq: empty tasks, one submitting and one working process each, on the same engine.

Each measurement has a fresh engine of the product's own configuration on a unix socket, once with every write fsynced
and once with an fsync a second. The order of the systems rotates, so that none has the best or worst moment thrice;
of three rounds the median is given, and all samples. Ours is the Fleet that `ez up` starts, with an agent that does
nothing; it is handed tasks in batches (the others have no such call) and, to compare, one by one as well.
`BENCH_PEER_PYTHON`: the interpreter that runs the others, where they are installed in an environment of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time

import msgspec

from bench.fleet import filesystem_of, running_fleet, temporary_settings
from bench.line import ROOT, result, show
from bench.open_engine import open_engine
from bench.peer_systems import IN_FLIGHT, SETTINGS
from bench.queue_rates import run_record, specs
from ezaigents.client import Client
from ezaigents.home import open_home
from ezaigents.records import Run, TaskSpec
from ezaigents.scorecard import fsync_ms
from ezaigents.settings import Settings

_TASKS = int(os.environ.get("BENCH_PEER_TASKS", "10000"))
_ROUNDS = int(os.environ.get("BENCH_PEER_ROUNDS", "3"))
_SLOTS = 1000
_OURS = "ezaigents"
_LIMIT_S = 300
_PEER_PYTHON = os.environ.get("BENCH_PEER_PYTHON", sys.executable)
Rates = dict[str, float]


class Unusable(Exception):
    """A peer cannot run here; the text says why."""


# -- ours ---------------------------------------------------------------------------------------------------------


async def _one_by_one(client: Client, tasks: list[TaskSpec], run: Run) -> float:
    async def some(part: list[TaskSpec]) -> None:
        for task in part:
            await client.queue.submit([task], run=run)

    began_s = time.monotonic()
    await asyncio.gather(*(some(tasks[start::IN_FLIGHT]) for start in range(IN_FLIGHT)))
    return len(tasks) / (time.monotonic() - began_s)


async def _hand_in(settings: Settings, count: int) -> Rates:
    """Half of the tasks in batches, half one by one."""
    async with Client.connect(settings, need_host=False) as client:
        run = run_record(settings)
        batched, single = specs(settings, run.id, count // 2), specs(settings, run.id, count - count // 2)
        single_per_s = await _one_by_one(client, single, run)
        began_s = time.monotonic()
        await client.queue.submit(batched, run=run)
        batched_per_s = len(batched) / (time.monotonic() - began_s)
    return {"submit_batched_per_s": batched_per_s, "submit_per_s": single_per_s}


async def _drain(settings: Settings, count: int) -> Rates:
    """From the moment the fleet says that it is ready until the engine has recorded every end."""
    async with Client.connect(settings, need_host=False) as client:
        with running_fleet(settings, [sys.executable, "-m", "bench.null_fleet", "--slots", str(_SLOTS)]):
            began_s = time.monotonic()
            while (await client.queue.counts())["done"] < count:
                await asyncio.sleep(0.005)
            return {"drain_per_s": count / (time.monotonic() - began_s)}


def _measure_ours(settings: Settings, url: str) -> Rates:
    open_home(settings.home_path)
    ours = msgspec.structs.replace(settings, redis_url=url)
    return {**asyncio.run(_hand_in(ours, _TASKS)), **asyncio.run(_drain(ours, _TASKS))}


# -- theirs -------------------------------------------------------------------------------------------------------


class Peer:
    """One of the others; `versions` is known after its first run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.versions: dict[str, str] = {}

    def measure(self, url: str) -> Rates:
        """Hand in, then drain."""
        handed, worked = self._process("submit", url), self._process("work", url)
        return {"submit_per_s": handed["per_s"], "drain_per_s": _TASKS / (worked["ended_s"] - worked["began_s"])}

    def _process(self, what: str, url: str) -> Rates:
        command = [_PEER_PYTHON, "-m", "bench.peer_systems", self.name, what, url, str(_TASKS)]
        done = subprocess.run(command, capture_output=True, timeout=_LIMIT_S, check=False, cwd=ROOT)
        if done.returncode:
            raise Unusable(f"{self.name} {what}: {done.stderr.decode().strip().splitlines()[-1:]}")
        said = json.loads(done.stdout)
        self.versions = said.pop("versions")
        figures: Rates = said
        return figures


# -- both ---------------------------------------------------------------------------------------------------------


def _measure(peer: Peer | None, *, durable: bool) -> Rates:
    """`peer`: None = ours."""
    with (
        temporary_settings(engine_fsync="always" if durable else "everysec") as settings,
        open_engine(settings) as socket,
    ):
        url = f"unix://{socket}"
        return _measure_ours(settings, url) if peer is None else peer.measure(url)


def _compare(peers: list[Peer], *, durable: bool) -> dict[str, object]:
    systems = [None, *peers]
    samples: dict[str, list[Rates]] = {}
    unusable: dict[str, str] = {}
    for turn in range(_ROUNDS):
        start = turn * len(systems) // _ROUNDS
        for peer in systems[start:] + systems[:start]:
            name = peer.name if peer else _OURS
            try:
                samples.setdefault(name, []).append(_measure(peer, durable=durable))
            except Unusable as reason:
                unusable[name] = str(reason)
    rates = {name: _summary(found) for name, found in samples.items() if found}
    return {"durable": durable, "systems": rates, "unusable": unusable}


def _summary(rates: list[Rates]) -> dict[str, object]:
    medians = {key: round(statistics.median(rate[key] for rate in rates)) for key in rates[0]}
    return {"n": _TASKS, **medians, "samples": [{key: round(rate[key]) for key in rate} for rate in rates]}


def run() -> dict[str, object]:
    """Compare all, durable and not; what cannot run is named with its reason."""
    peers = [Peer(name) for name in SETTINGS]
    with temporary_settings() as settings:
        fsync, filesystem = fsync_ms(settings.home_path), filesystem_of(settings.home_path)
    runs = [_compare(peers, durable=True), _compare(peers, durable=False)]
    return result(
        "peers",
        n=_TASKS,
        rounds=_ROUNDS,
        worker_processes=1,
        submits_in_flight=IN_FLIGHT,
        fsync_ms_median=round(fsync, 3),
        filesystem=filesystem,
        peer_versions={peer.name: peer.versions for peer in peers},
        settings={_OURS: {"slots": _SLOTS}, **SETTINGS},
        runs=runs,
    )


if __name__ == "__main__":
    show(run())
