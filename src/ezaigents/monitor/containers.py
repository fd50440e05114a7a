"""Containers that Docker runs on this machine. Job: name, processor time, memory and bytes of each; or why not.

Memory is what `docker stats` shows: usage without the page cache that can be let go. Not its job: HTTP (docker).
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import msgspec

from ezaigents.monitor.docker import Docker, DockerAway
from ezaigents.monitor.sample import Containers, ContainerSample

_LOOK_S = 1.0
_MOST = 32
_ID = re.compile(r"[0-9a-f]{12,64}\Z")
_API = "/v1.41"


class _Listed(msgspec.Struct):
    id: str = msgspec.field(name="Id")
    names: list[str] | None = msgspec.field(name="Names", default=None)
    image: str = msgspec.field(name="Image", default="")


class _CpuUsage(msgspec.Struct):
    total_usage: int = 0


class _Cpu(msgspec.Struct):
    cpu_usage: _CpuUsage = msgspec.field(default_factory=_CpuUsage)


class _Memory(msgspec.Struct):
    usage: int = 0
    limit: int = 0
    stats: dict[str, int] | None = None


class _Network(msgspec.Struct):
    rx_bytes: int = 0
    tx_bytes: int = 0


class _Stats(msgspec.Struct):
    cpu_stats: _Cpu = msgspec.field(default_factory=_Cpu)
    memory_stats: _Memory = msgspec.field(default_factory=_Memory)
    networks: dict[str, _Network] | None = None


async def containers_of(socket_path: str) -> Containers:
    """Look at the running containers, 32 at most, within a second. `socket_path` "": nobody looks."""
    if not await asyncio.to_thread(_is_there, socket_path):
        return Containers()
    found: list[ContainerSample] = []
    why = ""
    try:
        async with asyncio.timeout(_LOOK_S), Docker(socket_path) as docker:
            listed = await docker.get(f"{_API}/containers/json", list[_Listed]) or []
            if len(listed) > _MOST:
                why = f"{len(listed)} containers run; the first {_MOST} are shown"
            for one in listed[:_MOST]:
                if not _ID.match(one.id):
                    raise DockerAway(f"what answers at {socket_path} is not Docker (an id that is none)")
                stats = await docker.get(f"{_API}/containers/{one.id}/stats?stream=false&one-shot=true", _Stats)
                if stats is not None:  # else it has ended since it was listed
                    found.append(_sample(one, stats))
    except DockerAway as error:
        why = str(error)
    except TimeoutError:
        why = f"Docker did not answer within {_LOOK_S:g} s"
    return Containers(tuple(found), why, present=True)


def _is_there(socket_path: str) -> bool:
    return bool(socket_path) and Path(socket_path).is_socket()


def _sample(listed: _Listed, stats: _Stats) -> ContainerSample:
    memory, networks = stats.memory_stats, (stats.networks or {}).values()
    cached = memory.stats or {}
    idle = cached.get("inactive_file", cached.get("total_inactive_file", 0))
    return ContainerSample(
        id=listed.id[:12],
        name=(listed.names or [listed.id[:12]])[0].removeprefix("/"),
        image=listed.image,
        cpu_s=stats.cpu_stats.cpu_usage.total_usage / 1e9,
        memory_bytes=max(0, memory.usage - idle),
        limit_bytes=memory.limit,
        received_bytes=sum(one.rx_bytes for one in networks),
        sent_bytes=sum(one.tx_bytes for one in networks),
    )
