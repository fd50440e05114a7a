"""What one look at a fleet gives. Job: its shape, which is a promise to programs. Not its job: looking (sampler)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

import msgspec


class Role(StrEnum):
    """What a process is to the fleet."""

    HOST = "host"
    ENGINE = "engine"
    CHILD = "child"
    DASHBOARD = "dashboard"
    MONITOR = "monitor"


class ProcessSample(msgspec.Struct, frozen=True, kw_only=True):
    """A process as it is now. `name`: a host's, else that of the program. `cpu_s`: user and system, since its start.

    `pss_bytes` None: it may not be read, or would take too long. `began_ticks` tells two of one number apart.
    """

    pid: int
    role: Role
    name: str
    rss_bytes: int
    pss_bytes: int | None
    cpu_s: float
    began_ticks: int


class ContainerSample(msgspec.Struct, frozen=True, kw_only=True):
    """A running container. `cpu_s`, `received_bytes`, `sent_bytes`: since it began. `limit_bytes` 0: none is known."""

    id: str
    name: str
    image: str
    cpu_s: float
    memory_bytes: int
    limit_bytes: int
    received_bytes: int
    sent_bytes: int


class Containers(msgspec.Struct, frozen=True):
    """`why`: what kept us from seeing all of them, "" = nothing did. `present`: Docker's socket is there."""

    rows: tuple[ContainerSample, ...] = ()
    why: str = ""
    present: bool = False


How = Literal["counted", "estimated"]
Life = Literal["none", "all", "some", "unknown"]


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sort. `keys_how`: counted, or estimated from a slice of all keys. `bytes` None: no key was, or may be, sized.

    `bytes_how`: counted when each key was sized, else the mean of `sampled` keys times all. `life`: whether the
    sampled keys carry a time to live: none of them, all, some.
    """

    sort: str
    keys: int
    keys_how: How
    bytes: int | None
    bytes_how: How
    sampled: int
    life: Life


class ProcessUse(ProcessSample, frozen=True, kw_only=True):
    """A process. `cpu_share`: of one processor, since the look before; None = it was not seen then."""

    cpu_share: float | None


class TotalUse(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet's processes on this machine together; who only looks (`monitor`) is left out.

    `pss_bytes` None: that of one of them is not known. `cpu_share` None: the first look. A child that began and ended
    between two looks is in none of them.
    """

    rss_bytes: int
    pss_bytes: int | None
    cpu_share: float | None

    @classmethod
    def of(cls, processes: Iterable[ProcessUse], *, is_first: bool) -> TotalUse:
        """Add them up."""
        ours = [one for one in processes if one.role is not Role.MONITOR]
        pss = [one.pss_bytes for one in ours if one.pss_bytes is not None]
        return cls(
            rss_bytes=sum(one.rss_bytes for one in ours),
            pss_bytes=sum(pss) if len(pss) == len(ours) else None,
            cpu_share=None if is_first else sum(one.cpu_share or 0.0 for one in ours),
        )


class ContainerUse(ContainerSample, frozen=True, kw_only=True):
    """A container, likewise."""

    cpu_share: float | None


class EngineUse(msgspec.Struct, frozen=True, kw_only=True):
    """`most_bytes` 0: the engine has no limit. `keys`: of its database, others' too. `by_sort`: ours.

    `keys_seen`: so many of them this look went through. `keys_why`: why no sizes are told, "" = they are.
    """

    kind: str
    used_bytes: int
    most_bytes: int
    keys: int
    keys_seen: int
    keys_why: str
    by_sort: tuple[KeyRow, ...]


class NetworkUse(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that the engine read and wrote. The totals are since its start, looking included; the rates are since the
    look before, without what was asked by whoever looks (`own_per_s`). None: there was no look before, or the engine
    was started since.
    """

    received_bytes: int
    sent_bytes: int
    received_per_s: float | None
    sent_per_s: float | None
    own_per_s: float | None

    @property
    def others_per_s(self) -> float | None:
        """Both rates together; None where they are not known."""
        if self.received_per_s is None or self.sent_per_s is None:
            return None
        return self.received_per_s + self.sent_per_s


class AgentUse(msgspec.Struct, frozen=True, kw_only=True):
    """An agent. `engine_bytes`: its tasks, lanes and mailbox in the engine; `is_estimate`: by a sample of the tasks."""

    name: str
    state: str
    slots: int
    busy: int
    engine_bytes: int
    is_estimate: bool


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One look. `interval_s`: since the look before, 0 = this is the first. `hosts`: that live, elsewhere too.

    `unseen`: what could not be looked at, and why. `took_s`: how long the look took.
    """

    at_ms: int
    interval_s: float
    took_s: float
    hosts: int
    total: TotalUse
    processes: tuple[ProcessUse, ...]
    containers: tuple[ContainerUse, ...]
    engine: EngineUse
    network: NetworkUse
    queue: dict[str, int]
    oldest_wait_s: float
    agents: tuple[AgentUse, ...]
    unseen: tuple[str, ...]
