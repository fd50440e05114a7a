"""Looking at a fleet. Job: ask each sampler once, and compare with the look before. Nothing happens between looks."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from ezaigents.client import figures
from ezaigents.errors import EngineDown
from ezaigents.monitor.containers import containers_of
from ezaigents.monitor.holdings import bytes_by_agent, named_keys
from ezaigents.monitor.keys import KeyLook, KeyWatch
from ezaigents.monitor.processes import processes_of, samples_of
from ezaigents.monitor.sample import (
    AgentUse,
    Containers,
    ContainerSample,
    ContainerUse,
    EngineUse,
    NetworkUse,
    ProcessSample,
    ProcessUse,
    Role,
    Sample,
    TotalUse,
)
from ezaigents.monitor.traffic import Bytes, EngineCounts, engine_counts, own_bytes

if TYPE_CHECKING:
    from ezaigents.client import Client, Figures

_LOOK_S = 5.0
"""Whoever scrapes waits ten seconds; who watches wants to know that nothing answers."""


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the next look compares with. `own_after`: of this look, after the engine's counts were read."""

    at_s: float
    cpu: Mapping[tuple[int, int] | str, float]
    counts: EngineCounts
    own_after: Bytes


class Sampler:
    """Looks at the fleet of one client. `also`: further processes, by number: those that look, say, and their names."""

    def __init__(self, client: Client, also: Mapping[int, tuple[Role, str]] | None = None) -> None:
        self._client = client
        self._also = dict(also or {})
        self._keys = KeyWatch(client.queue)
        self._before: _Look | None = None

    async def look(self, known: Figures | None = None) -> Sample:
        """Look once. `known`: where somebody has read the figures just now.

        Raises EngineDown, also for an engine that has not answered for five seconds.
        """
        try:
            async with asyncio.timeout(_LOOK_S):
                return await self._look(known)
        except TimeoutError:
            raise EngineDown(f"the engine has not answered for {_LOOK_S:g} s; nothing can be measured now") from None

    async def _look(self, known: Figures | None) -> Sample:
        client = self._client
        began_s, own_before = time.monotonic(), own_bytes(client)
        counts = await engine_counts(client)
        told, processes, containers = await asyncio.gather(
            _figures(client, known),
            asyncio.to_thread(self._processes, counts.pid),
            containers_of(client.settings.docker_socket),
        )
        lanes = [name.decode() for name in await client.queue.read("SMEMBERS", client.queue.keys.waiting())]
        names = [agent.name for agent in told.agents]
        keys = await self._keys.look(named_keys(names, lanes), sum(told.status.queue.values()))
        used: list[ProcessSample | ContainerSample] = [*processes, *containers.rows]
        look = _Look(
            at_s=began_s,
            cpu={_key(one): one.cpu_s for one in used},
            counts=counts,
            own_after=own_bytes(client) - counts.own,
        )
        before, self._before = self._before, look
        holdings = bytes_by_agent(names, keys.rows, keys.sized)
        uses = tuple(
            ProcessUse(**msgspec.structs.asdict(one), cpu_share=_share(one, look, before)) for one in processes
        )
        return Sample(
            at_ms=time.time_ns() // 1_000_000,
            interval_s=began_s - before.at_s if before else 0.0,
            took_s=time.monotonic() - began_s,
            hosts=len(told.hosts),
            total=TotalUse.of(uses, is_first=before is None),
            processes=uses,
            containers=tuple(
                ContainerUse(**msgspec.structs.asdict(one), cpu_share=_share(one, look, before))
                for one in containers.rows
            ),
            engine=_engine(client, told, keys),
            network=_network(look, before, counts.own - own_before),
            queue=told.status.queue,
            oldest_wait_s=told.oldest_wait_s,
            agents=tuple(
                AgentUse(
                    name=agent.name,
                    state=agent.state,
                    slots=agent.slots,
                    busy=agent.busy,
                    engine_bytes=holdings[agent.name][0],
                    is_estimate=holdings[agent.name][1],
                )
                for agent in told.agents
            ),
            unseen=tuple(_unseen(client, told, processes, containers)),
        )

    def _processes(self, engine_pid: int) -> list[ProcessSample]:
        found = processes_of(self._client.settings, engine_pid=engine_pid)
        ours = {one.pid for one in found}
        return found + samples_of({pid: role for pid, role in self._also.items() if pid not in ours})


async def _figures(client: Client, known: Figures | None) -> Figures:
    return known or await figures(client)


def _key(one: ProcessSample | ContainerSample) -> tuple[int, int] | str:
    return (one.pid, one.began_ticks) if isinstance(one, ProcessSample) else one.id


def _share(one: ProcessSample | ContainerSample, now: _Look, before: _Look | None) -> float | None:
    used_s = before.cpu.get(_key(one)) if before else None
    if before is None or used_s is None or now.at_s <= before.at_s:
        return None
    return max(0.0, one.cpu_s - used_s) / (now.at_s - before.at_s)


def _engine(client: Client, told: Figures, keys: KeyLook) -> EngineUse:
    return EngineUse(
        kind=client.engine.kind,
        used_bytes=told.memory.used_bytes,
        most_bytes=told.memory.most_bytes,
        keys=keys.total,
        keys_seen=keys.seen,
        keys_why=keys.why,
        by_sort=keys.rows,
    )


def _network(now: _Look, before: _Look | None, own_just_now: Bytes) -> NetworkUse:
    """`own_just_now`: what this look had sent before the engine counted."""
    received = sent = own = None
    total = now.counts.total
    if before is not None and before.counts.life == now.counts.life and now.at_s > before.at_s:
        took_s = now.at_s - before.at_s
        ours = before.own_after + own_just_now
        others = total - before.counts.total - ours
        received, sent = max(0, others.received) / took_s, max(0, others.sent) / took_s
        own = (ours.received + ours.sent) / took_s
    return NetworkUse(
        received_bytes=total.received,
        sent_bytes=total.sent,
        received_per_s=received,
        sent_per_s=sent,
        own_per_s=own,
    )


def _unseen(client: Client, told: Figures, processes: list[ProcessSample], containers: Containers) -> list[str]:
    found = []
    if client.engine.kind == "external":
        found.append("engine: it is external, so its processor time and memory as a process are unknown")
    elif not any(one.role is Role.ENGINE for one in processes):
        found.append("engine: its process cannot be seen from here")
    here = {one.name for one in processes if one.role is Role.HOST}
    for card in told.hosts:
        if card.name not in here:
            where = "" if card.node == os.uname().nodename else f" on {card.node}"
            found.append(f"host {card.name}: it lives{where}, and its process cannot be seen from here")
    if containers.why:
        found.append(f"containers: {containers.why}")
    return found
