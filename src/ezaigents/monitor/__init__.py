"""What a fleet uses, while somebody looks: processes, containers, the engine's keys and traffic; see README.md.

    sampler = Sampler(client)
    sample = await sampler.look()

`processes_of(settings)` alone needs no client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.monitor.alarms import ALARMS, Raised, limits_of, raised
    from ezaigents.monitor.containers import containers_of
    from ezaigents.monitor.history import History, Point, sparkline
    from ezaigents.monitor.processes import memory_of, processes_of, with_children
    from ezaigents.monitor.sample import (
        AgentUse,
        Containers,
        ContainerSample,
        ContainerUse,
        EngineUse,
        KeyRow,
        NetworkUse,
        ProcessSample,
        ProcessUse,
        Role,
        Sample,
        TotalUse,
    )
    from ezaigents.monitor.sampler import Sampler

__all__ = [
    "ALARMS",
    "AgentUse",
    "ContainerSample",
    "ContainerUse",
    "Containers",
    "EngineUse",
    "History",
    "KeyRow",
    "NetworkUse",
    "Point",
    "ProcessSample",
    "ProcessUse",
    "Raised",
    "Role",
    "Sample",
    "Sampler",
    "TotalUse",
    "containers_of",
    "limits_of",
    "memory_of",
    "processes_of",
    "raised",
    "sparkline",
    "with_children",
]

_FILES = {
    "alarms": ("ALARMS", "Raised", "limits_of", "raised"),
    "containers": ("containers_of",),
    "history": ("History", "Point", "sparkline"),
    "processes": ("memory_of", "processes_of", "with_children"),
    "sample": (
        "AgentUse",
        "ContainerSample",
        "ContainerUse",
        "Containers",
        "EngineUse",
        "KeyRow",
        "NetworkUse",
        "ProcessSample",
        "ProcessUse",
        "Role",
        "Sample",
        "TotalUse",
    ),
    "sampler": ("Sampler",),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
