"""Ez Aigents: a durable team of coding agents in one small process.

The public API, loaded on first use: `Fleet` runs agents, `Client` hands in work and follows it, `Settings` and
`load_settings` configure both, the records say what travels between them, and `EzError` is the root of all errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.agents import Agent, Context, Declared, HandBack, NeedsApproval, TaskFailed
    from ezaigents.client import Client, Handed, Operator, Problem, Progress, Status, Wish
    from ezaigents.errors import EzError
    from ezaigents.patches import ApplyOutcome
    from ezaigents.records import AgentCard, Approval, Claim, PatchState, Result, Run, Task, TaskKind, TaskState
    from ezaigents.settings import Settings, load_settings
    from ezaigents.team import Message, Note, Overlap
    from ezaigents.wiring import Fleet
    from ezaigents.workspace import Overlay, StaleWrite

__all__ = [
    "Agent",
    "AgentCard",
    "ApplyOutcome",
    "Approval",
    "Claim",
    "Client",
    "Context",
    "Declared",
    "EzError",
    "Fleet",
    "HandBack",
    "Handed",
    "Message",
    "NeedsApproval",
    "Note",
    "Operator",
    "Overlap",
    "Overlay",
    "PatchState",
    "Problem",
    "Progress",
    "Result",
    "Run",
    "Settings",
    "StaleWrite",
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
    "agents": ("Agent", "Context", "Declared", "HandBack", "NeedsApproval", "TaskFailed"),
    "client": ("Client", "Handed", "Operator", "Problem", "Progress", "Status", "Wish"),
    "errors": ("EzError",),
    "patches": ("ApplyOutcome",),
    "records": ("AgentCard", "Approval", "Claim", "PatchState", "Result", "Run", "Task", "TaskKind", "TaskState"),
    "settings": ("Settings", "load_settings"),
    "team": ("Message", "Note", "Overlap"),
    "wiring": ("Fleet",),
    "workspace": ("Overlay", "StaleWrite"),
}

__version__ = "0.1.0"


if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _ROOMS)


def __dir__() -> list[str]:
    return __all__
