"""Where agents run: all in the host's process, or each in a process of its own. Job: the seam, and the choice.

A process per agent is what the systems before did; it is there to be compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ezaigents.agents import Declared
from ezaigents.settings import Settings

HostCommand = Callable[[str, str, int, int], list[str]]
"""(name of the host, its one agent, descriptor for its report, descriptor that ends with us) -> its command line."""


class Runtime(Protocol):
    """Decides which agents the host's own process runs, and runs the others elsewhere."""

    def own(self, agents: Mapping[str, Declared]) -> Mapping[str, Declared]:
        """Those that this process runs; asked once, before `start`."""

    async def start(self, simulated_at: str) -> None:
        """Have the others run; returns once they are ready. Raises EngineDown where one does not get ready."""

    def stop(self) -> None:
        """Ask the others to stop; a second call shortens it."""

    async def close(self) -> None:
        """Wait until they have stopped; those that do not are killed, and their tasks taken back by whoever lives."""


class SharedRuntime:
    """All agents in one process."""

    def own(self, agents: Mapping[str, Declared]) -> Mapping[str, Declared]:
        return agents

    async def start(self, simulated_at: str) -> None:
        pass

    def stop(self) -> None:
        pass

    async def close(self) -> None:
        pass


def make_runtime(settings: Settings, command: HostCommand | None, only: str) -> Runtime:
    """The runtime that the settings name. `command`: how a host is started, None = not at all; `only`: the one agent of
    this process, "" = all."""
    if only:
        from ezaigents.wiring.processes import OneAgent

        return OneAgent(only)
    if settings.runtime == "processes" and command is not None:
        from ezaigents.wiring.processes import ProcessPerAgent

        return ProcessPerAgent(settings, command)
    return SharedRuntime()
