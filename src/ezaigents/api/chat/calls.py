"""What a site needs of the host that it stands in, to have models asked. Job: the seam. Not its job: the calls.

A site that is served by another process than a host has none of it, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from ezaigents.records import AgentCard

if TYPE_CHECKING:
    from ezaigents.agents.model.calls import Called
    from ezaigents.providers import Request


class Calls(Protocol):
    """Calls to models that belong to no task."""

    def cards(self) -> Sequence[AgentCard]:
        """The agents that can be asked, as they are now."""
        ...

    async def call(
        self,
        agent: str,
        request: Request,
        *,
        on_text: Callable[[str], None] | None = None,
        on_restart: Callable[[], None] | None = None,
    ) -> Called:
        """Have one answer; cancelled, the call is broken off and settled. See `agents.model.calls.ModelCalls`."""
        ...

    def end_all(self, why: str) -> None:
        """Break off every call that is on its way; whoever waits for one is told `why`."""
        ...


Lend = Callable[[], Calls | None]
"""Gives what a host lends to its site, when it is first needed; None = it asks no models."""
