"""An engine that answers: how to reach it, what it promises, and how to part from it."""

from __future__ import annotations

from typing import Literal, Protocol

from ezaigents.engine.address import Address
from ezaigents.engine.checks import Facts
from ezaigents.engine.locks import Gate, living_hosts, mark_leaving
from ezaigents.engine.process import stop_engine
from ezaigents.settings import Settings

Kind = Literal["embedded", "external"]


class EngineHandle:
    """What is known of the engine in use. `pid` and `adopted` change when the supervisor restarts it.

    `durability`: always, everysec, none, or unknown. `adopted`: it lived before we came. `started_in_s`: from
    `begin` to its first answer.
    """

    __slots__ = (
        "_left",
        "_settings",
        "address",
        "adopted",
        "durability",
        "kind",
        "pid",
        "started_in_s",
        "version",
    )

    def __init__(
        self,
        settings: Settings,
        address: Address,
        kind: Kind,
        facts: Facts,
        *,
        adopted: bool,
        started_in_s: float,
    ) -> None:
        self._settings = settings
        self.address = address
        self.kind: Kind = kind
        self.version = f"{facts.server} {facts.version}"
        self.durability = facts.durability
        self.pid: int | None = facts.pid or None
        self.adopted = adopted
        self.started_in_s = started_in_s
        self._left = False

    def wanted(self) -> bool:
        """False once `leave` was called: nothing may start the engine for this handle any more."""
        return not self._left

    def leave(self) -> None:
        """Part from the engine; stop the embedded one when no other host lives on its data folder.

        For hosts, before they release their HostLock. Raises EngineDown when the engine cannot be stopped.
        """
        self._left = True
        if self.kind == "external":
            return
        home = self._settings.home_path
        with Gate(home):
            mark_leaving(home, self._settings.name)
            if not living_hosts(home):
                stop_engine(home)


class Starting(Protocol):
    """An engine on its way."""

    def ready(self) -> EngineHandle:
        """Wait until it answers and is found fit. Raises EngineDown, EngineFull, EngineUnfit, ConfigError."""
