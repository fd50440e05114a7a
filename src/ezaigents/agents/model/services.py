"""What all agents with models share in one host. Job: name the parts. Not its job: making them (wiring)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from ezaigents.agents import Context
from ezaigents.agents.tools import CommandResult, Commands
from ezaigents.audit import AuditRecord
from ezaigents.budget import Budget, InputRatio, Prices
from ezaigents.clock import Clock
from ezaigents.providers import Caller, Route
from ezaigents.records import Claim

WindowOf = Callable[[Sequence[Route]], int]
"""The routes of a chain -> the window in tokens that all of them have."""


class Workshop(Protocol):
    """Commands for one attempt, in a working copy of its own."""

    @property
    def commands(self) -> Commands | None:
        """None: there are none, and `why_not` says why."""

    why_not: str

    async def check(self, argv: Sequence[str], *, timeout_s: float) -> CommandResult:
        """Run a command and keep nothing of what it changed. Raises what making the copy raises."""

    async def close(self) -> None:
        """Give the working copy back. May be repeated."""


class Auditing(Protocol):
    """Where every tool call, approval and decision is written down."""

    async def note(self, record: AuditRecord, *, sync: bool = False) -> None:
        """Append; `sync`: wait until it is on the disk."""


class Services:
    """`open_workshop(claim, context, named)`: `named` are the files that the user named.

    `dirty(paths)`: those of them that hold changes which git does not know, none outside a git repository.
    """

    __slots__ = ("audit", "budget", "caller", "clock", "dirty", "open_workshop", "prices", "ratio", "window")

    def __init__(
        self,
        *,
        caller: Caller,
        budget: Budget,
        prices: Prices,
        ratio: InputRatio,
        audit: Auditing,
        clock: Clock,
        window: WindowOf,
        open_workshop: Callable[[Claim, Context, Sequence[str]], Awaitable[Workshop]],
        dirty: Callable[[tuple[str, ...]], Awaitable[tuple[str, ...]]],
    ) -> None:
        self.caller = caller
        self.budget = budget
        self.prices = prices
        self.ratio = ratio
        self.audit = audit
        self.clock = clock
        self.window = window
        self.open_workshop = open_workshop
        self.dirty = dirty
