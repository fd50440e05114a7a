"""Ez Aigents: a durable team of coding agents in one small process.

The public API, loaded on first use: `Fleet` runs agents, `Client` hands in work and follows it, `Settings` and
`load_settings` configure both, the records say what travels between them, and `EzError` is the root of all errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ezaigents.agents import Agent, Context, Declared, TaskFailed
    from ezaigents.client import Client, Handed, Progress, Status, Wish
    from ezaigents.errors import EzError
    from ezaigents.records import AgentCard, Claim, Result, Run, Task, TaskKind, TaskState
    from ezaigents.settings import Settings, load_settings
    from ezaigents.wiring import Fleet

__all__ = [
    "Agent",
    "AgentCard",
    "Claim",
    "Client",
    "Context",
    "Declared",
    "EzError",
    "Fleet",
    "Handed",
    "Progress",
    "Result",
    "Run",
    "Settings",
    "Status",
    "Task",
    "TaskFailed",
    "TaskKind",
    "TaskState",
    "Wish",
    "__version__",
    "load_settings",
]

_ROOMS = {
    "agents": ("Agent", "Context", "Declared", "TaskFailed"),
    "client": ("Client", "Handed", "Progress", "Status", "Wish"),
    "errors": ("EzError",),
    "records": ("AgentCard", "Claim", "Result", "Run", "Task", "TaskKind", "TaskState"),
    "settings": ("Settings", "load_settings"),
    "wiring": ("Fleet",),
}

__version__ = "0.1.0"


if not TYPE_CHECKING:  # else every misspelt name would pass the type check

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for room, names in _ROOMS.items():
            if name in names:
                return getattr(import_module(f"ezaigents.{room}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
