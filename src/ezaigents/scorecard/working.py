"""The workload on a fleet that is ready: a task of each kind, probes that wait alone, many tasks at once, messages.

Job: do it, and note what it took. Every write is fsynced before it is acknowledged, as in any fleet.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Sequence
from typing import Self

import msgspec

from ezaigents.client import Client
from ezaigents.errors import EngineDown
from ezaigents.records import TaskState
from ezaigents.scorecard.fleet import RunningFleet
from ezaigents.scorecard.ground import Ground
from ezaigents.scorecard.hearing import Hearing, hearing
from ezaigents.scorecard.processes import family, memory_of, work_cpu_s
from ezaigents.scorecard.samples import LOCAL, Kind, Pickup, Sizes, Work
from ezaigents.scorecard.tasks import many_tasks, one_task, wishes_of_each_kind
from ezaigents.scorecard.traffic import traffic
from ezaigents.simulate import CallLine, read_log
from ezaigents.team import Letter

_PEAK_EVERY_S = 0.25
_LETTER = "The first line of the ledger says more now; nothing else was changed. " * 4
_PAUSE_MOST_S = 1.0
"""Probes come at any moment of a poller's second."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole workload gave."""

    kinds: tuple[Kind, ...]
    pickups: tuple[Pickup, ...]
    work: Work


async def do_work(fleet: RunningFleet, ground: Ground, agents: Sequence[str], sizes: Sizes) -> Done:
    """Do it. Raises EngineDown where the fleet goes away."""
    async with Client.connect(fleet.settings, patience_s=5.0) as client, hearing(client) as heard:
        await _all_ready(client, agents)
        kinds = await _each_kind(client, agents, ground)
        pickups = await _probes(client, heard, agents, ground, sizes.pickups)
        work = await _many(client, heard, fleet, ground, agents, sizes.tasks)
        await _write(client, agents, sizes.messages)
    return Done(kinds=kinds, pickups=pickups, work=work)


async def _all_ready(client: Client, agents: Sequence[str]) -> None:
    ready = {agent.name for agent in await client.agents() if agent.state == "ready"}
    if missing := sorted(set(agents) - ready):
        raise EngineDown(f"the fleet says that it is ready, and agents are not: {', '.join(missing)}")


async def _each_kind(client: Client, agents: Sequence[str], ground: Ground) -> tuple[Kind, ...]:
    """The functional self-check."""
    wishes = wishes_of_each_kind(agents, ground.files[-1])
    handed = await client.submit_all(wishes)
    for one in handed:
        async with asyncio.timeout(60):
            async for _ in client.watch(one.run.id):
                pass
    found = []
    for wish, one in zip(wishes, handed, strict=True):
        tasks = await client.tasks([spec.id for spec in one.specs])
        states = {task.state for task in tasks}
        state = TaskState.DONE if states == {TaskState.DONE} else (states - {TaskState.DONE}).pop()
        found.append(Kind(wish.kind.value, wish.agent, state.value))
    return tuple(found)


async def _probes(
    client: Client, heard: Hearing, agents: Sequence[str], ground: Ground, count: int
) -> tuple[Pickup, ...]:
    """Tasks that nobody competes with, for each agent with a model at any moment of a second."""
    luck = random.Random(1)  # noqa: S311 - the same moments for every profile
    sent: dict[str, tuple[float, float]] = {}

    async def chain(agent: str, pauses: Sequence[float]) -> None:
        for pause_s in pauses:
            await asyncio.sleep(pause_s)
            run, spec = one_task(client, agent, ground.files[0])
            sent[spec.id] = (time.monotonic(), time.time())
            await client.queue.submit([spec], run=run)
            await heard.wait_for_ends([spec.id])

    models = [agent for agent in agents if agent != LOCAL]
    pauses = {agent: [luck.uniform(0, _PAUSE_MOST_S) for _ in range(count)] for agent in models}
    async with asyncio.TaskGroup() as group:
        for agent in models:
            group.create_task(chain(agent, pauses[agent]))
    calls = _first_calls(ground)
    return tuple(
        Pickup(
            (heard.moments[task, TaskState.LEASED] - began_s) * 1000,
            calls[task] - wall_s * 1000 if task in calls else None,
        )
        for task, (began_s, wall_s) in sent.items()
    )


def _first_calls(ground: Ground) -> dict[str, float]:
    """When the first model call of each task came, in ms, by the simulated models' log."""
    found: dict[str, float] = {}
    for line in read_log(ground.sim_log):
        if isinstance(line, CallLine):
            found.setdefault(line.tag.partition(".")[0], line.ms)
    return found


async def _many(
    client: Client, heard: Hearing, fleet: RunningFleet, ground: Ground, agents: Sequence[str], count: int
) -> Work:
    """Hand in while nobody takes, then let all begin."""
    runs = many_tasks(client, agents, ground.files, count)
    ids = {spec.id for _, specs in runs for spec in specs}
    await client.queue.pause(["*"])
    await client.queue.submit_runs(runs)
    with fleet.connect() as connection, _Peak(fleet) as peak:
        before, cpu_before = traffic(connection), _cpu_s(fleet)
        await client.queue.resume(["*"])
        states = await heard.wait_for_ends(ids)
        used_cpu_s, after = _cpu_s(fleet) - cpu_before, traffic(connection)
    if failed := sum(state is not TaskState.DONE for state in states.values()):
        raise EngineDown(f"{failed} of {len(ids)} tasks of the workload were not done")
    first = min(heard.moments[task, TaskState.LEASED] for task in ids)
    last = max(heard.moments[task, TaskState.DONE] for task in ids)
    return Work(
        tasks=len(ids), took_s=last - first, cpu_s=used_cpu_s, engine_bytes=(after - before).network_bytes,
        engine_commands=(after - before).commands, peak_rss_bytes=peak.rss_bytes,
    )  # fmt: skip


async def _write(client: Client, agents: Sequence[str], count: int) -> None:
    """Agents tell the user what they did."""
    letters = [
        Letter(to="user", sender=agents[number % len(agents)], type="note", data=_LETTER) for number in range(count)
    ]
    for start in range(0, count, 100):
        await asyncio.gather(*(client.team.mailer.send(letter) for letter in letters[start : start + 100]))


def _cpu_s(fleet: RunningFleet) -> float:
    return work_cpu_s(family(fleet.pid, fleet.engine_pid))


class _Peak:
    """The most memory that the fleet had at a look, four times a second."""

    def __init__(self, fleet: RunningFleet) -> None:
        self._fleet = fleet
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.rss_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            seen = memory_of(family(self._fleet.pid, self._fleet.engine_pid)).rss_bytes
            self.rss_bytes = max(self.rss_bytes, seen)
            if self._over.wait(_PEAK_EVERY_S):
                return
