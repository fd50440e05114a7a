"""What was measured, as it was measured. Job: the records of one fleet's life and of a whole scorecard; all raw.

Not its job: judging (rows). Bytes and seconds unless the name says otherwise; None = not measured.
"""

from __future__ import annotations

import msgspec

from ezaigents.scorecard.processes import Measured
from ezaigents.scorecard.shown import Machine
from ezaigents.scorecard.traffic import Window

BEFORE, AFTER = "before", "after"
"""Everything off, everything on."""
LOCAL = "local"
"""The agent that asks no model."""
FORM = 1


class Profile(msgspec.Struct, frozen=True):
    """What fleets run under. `off`: the optimisations that they go without."""

    name: str
    off: tuple[str, ...] = ()


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured. `repeats`: fleets of each of the two profiles; `singles`: one for each switch off alone.

    `pickups`: probes by each agent with a model. `message_ttl_s`: how long messages are kept, instead of an hour.
    `tab_s`: how long a tab is watched, 0 = not. `starts`: so many starts of each profile at least. `most_s`: what all
    of it may take; what no time is left for is not measured.
    """

    idle_s: float
    settle_s: float
    pickups: int
    tasks: int
    messages: int
    message_ttl_s: float
    tab_s: float
    repeats: int
    starts: int
    singles: bool
    most_s: float


FULL = Sizes(
    idle_s=30,
    settle_s=2,
    pickups=4,
    tasks=150,
    messages=300,
    message_ttl_s=5,
    tab_s=60,
    repeats=3,
    starts=3,
    singles=True,
    most_s=900,
)
QUICK = Sizes(
    idle_s=30,
    settle_s=1,
    pickups=3,
    tasks=120,
    messages=200,
    message_ttl_s=5,
    tab_s=0,
    repeats=1,
    starts=3,
    singles=False,
    most_s=120,
)


class PartMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of a fleet by part; the simulated models are none of it."""

    hosts: Measured
    engine: Measured
    children: Measured

    @property
    def rss_bytes(self) -> int:
        """All parts together."""
        return self.hosts.rss_bytes + self.engine.rss_bytes + self.children.rss_bytes

    @property
    def pss_bytes(self) -> int:
        """All parts together."""
        return self.hosts.pss_bytes + self.engine.pss_bytes + self.children.pss_bytes


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The tasks that were done together. `took_s`: from the first claim to the last end."""

    tasks: int
    took_s: float
    cpu_s: float
    engine_bytes: int
    engine_commands: int
    peak_rss_bytes: int


class Pickup(msgspec.Struct, frozen=True):
    """From before a submit until the engine said that the task is claimed, and until its first model call came."""

    claimed_ms: float
    called_ms: float | None


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """`empty_bytes`: what the engine used right after the start. `families`: bytes by sort of key."""

    empty_bytes: int
    used_bytes: int
    aof_bytes: int
    families: dict[str, int]


class TabTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """HTTP bytes of one open tab while nothing happens, both ways. `pushed`: it listens; else it asks."""

    pushed: bool
    window_s: float
    sent_bytes: int
    received_bytes: int
    requests: int


class Kind(msgspec.Struct, frozen=True):
    """How a task of one kind ended, in the functional self-check."""

    kind: str
    agent: str
    state: str


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One fleet from its start to its end, or to what went wrong (`error`). `started_s`: exec to all agents ready."""

    profile: str
    number: int
    load_1min: float
    started_s: float | None = None
    idle: Window | None = None
    idle_memory: PartMemory | None = None
    visited_memory: PartMemory | None = None
    kinds: tuple[Kind, ...] = ()
    pickups: tuple[Pickup, ...] = ()
    work: Work | None = None
    after_memory: PartMemory | None = None
    storage: Storage | None = None
    tab: TabTraffic | None = None
    error: str = ""


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """What lies on the disk. None = not measured, and `why`."""

    bytes: int | None
    what: str
    why: str = ""


class Measuring(msgspec.Struct, frozen=True, kw_only=True):
    """A scorecard as it was measured. `partial`: why it is not whole, "" = it is."""

    form: int = FORM
    at: str
    kind: str
    took_s: float
    sizes: Sizes
    machine: Machine
    profiles: tuple[Profile, ...]
    agents: tuple[str, ...]
    samples: tuple[Sample, ...]
    installed: Size
    image: Size
    partial: str = ""
    not_measured: tuple[str, ...] = ()
