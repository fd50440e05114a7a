"""The engine: the Valkey or Redis that holds the state.

Job: reach it; start, adopt, watch and stop the embedded one. Not its job: what is stored there (queue, team).
No other room opens a connection to our engine.
"""

from __future__ import annotations

from ezaigents.engine.address import Address, parse_url
from ezaigents.engine.binary import find_engine_program
from ezaigents.engine.blocking import Arg, BlockingConnection, EngineRefusal, Reply
from ezaigents.engine.embedded import EmbeddedStarting, find_embedded, find_orphan, stop_orphan
from ezaigents.engine.external import ExternalStarting
from ezaigents.engine.handle import EngineHandle, Starting
from ezaigents.engine.locks import HostLock, holds_open, is_held, living_hosts, open_lock, take_lock
from ezaigents.engine.supervisor import Supervisor
from ezaigents.engine.wire import INVALIDATED, Connection
from ezaigents.settings import Settings

__all__ = [
    "INVALIDATED", "Address", "Arg", "BlockingConnection", "Connection", "EngineHandle", "EngineRefusal", "HostLock",
    "Reply", "Starting", "Supervisor", "begin", "find_engine_program", "find_living", "find_orphan", "holds_open",
    "is_held", "living_hosts", "open_lock", "parse_url", "stop_orphan", "take_lock",
]  # fmt: skip


def begin(settings: Settings) -> Starting:
    """Set the engine going and return at once: the caller's own start overlaps with the engine's.

    Adopts the engine that lives on the data folder, or names the external one where `redis_url` is set.
    Raises ConfigError, EngineMissing.
    """
    return ExternalStarting(settings) if settings.redis_url else EmbeddedStarting(settings)


def find_living(settings: Settings) -> EngineHandle | None:
    """The engine to visit: the embedded one that lives (None = none does), or the external one.

    Visitors do not `leave`. Raises EngineDown, EngineUnfit, ConfigError as `begin(...).ready()` does.
    """
    return ExternalStarting(settings).ready() if settings.redis_url else find_embedded(settings)
