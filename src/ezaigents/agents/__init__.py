"""What an agent is: a name, a card, and one coroutine that does one task.

Job: the seam between the runtime and whatever does the work. Not its job: claiming, leases, retries (runtime).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ezaigents.records import AgentCard, Claim, Result, Task
from ezaigents.settings import Settings

__all__ = ["Agent", "AgentFactory", "Context", "Declared", "TaskFailed"]


class TaskFailed(Exception):
    """Raised by an agent whose attempt failed; `retryable` says whether another attempt may help."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class Context(Protocol):
    """What an agent may use while it works on one claim."""

    settings: Settings
    workspace: Path
    """Root of the workspace; every path of the task lies beneath it."""

    async def prompt(self) -> str:
        """What the user asked for: the run's prompt (at most 1 MiB)."""

    def task_folder(self) -> Path:
        """`tasks/<id>/<fence>` beneath the data folder, made on first use; only this attempt writes there."""

    async def parents(self) -> list[Task]:
        """The tasks this one waited for, in the order given at submit."""

    def time_left_s(self) -> float | None:
        """Seconds until the task's deadline; None = it has none."""


class Agent(Protocol):
    """Does one task at a time per call; the runtime calls it up to `slots` times at once."""

    async def run(self, claim: Claim, context: Context) -> Result:
        """Do the task. Raises TaskFailed for what the user should read; cancellation must pass through."""

    async def close(self) -> None:
        """Let go of children and files; called once, when the host stops."""


AgentFactory = Callable[[Settings], Agent]


class Declared:
    """An agent the host knows from the start; `factory` is called (and its modules imported) at its first task."""

    __slots__ = ("card", "factory")

    def __init__(self, card: AgentCard, factory: AgentFactory | None) -> None:
        self.card = card
        self.factory = factory
