"""What others said or measured. Job: quoted figures, each with its source. None of them was measured here.

They stand beside what is measured and are never mixed with it; a row that compares the two says so.
"""

from __future__ import annotations

import msgspec

from ezaigents.scorecard.shown import Claim

PLAN = "the optimisation plan"
LEGACY = "the legacy system, measured 2026-11-23 on 2 cores, 24 GB, Node 20.20.2, Redis 7.0.15"


CLAIMS = (
    Claim(metric="Memory", before="12-15 GB", after="2-3 GB", saving="80-85 %"),
    Claim(metric="CPU", before="8-10 cores", after="2-3 cores", saving="70-75 %"),
    Claim(metric="Container sizes", before="8.5 GB", after="1.2 GB", saving="85 %"),
    Claim(metric="Network", before="500 MB/h", after="50 MB/h", saving="90 %"),
    Claim(metric="Storage (Redis)", before="2 GB", after="200 MB", saving="90 %"),
    Claim(metric="Start-up", before="5-10 min", after="30-60 s", saving="90 %"),
)


class OldFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A measured figure of the legacy system. `goal`: the saving to reach, in percent; None = none is set."""

    metric: str
    figure: float
    unit: str
    goal: float | None
    how: str


LEGACY_MEMORY = OldFigure(
    metric="memory", figure=459.3, unit="MB", goal=90, how="RSS of 5 agents, runner, dashboard and Redis, idle"
)
LEGACY_NETWORK = OldFigure(
    metric="idle network", figure=6.32, unit="MB/h", goal=98, how="Redis traffic, from 120 s, no tab open"
)
LEGACY_COMMANDS = OldFigure(metric="idle commands", figure=16.7, unit="1/s", goal=98, how="Redis commands, from 120 s")
LEGACY_PICKUP = OldFigure(
    metric="pick-up p50", figure=626, unit="ms", goal=99, how="enqueue to model request, idle agent, n = 30"
)
LEGACY_CPU = OldFigure(metric="idle CPU", figure=0.47, unit="CPU-s/min", goal=None, how="with Redis, from 120 s")
LEGACY_START = OldFigure(metric="start-up", figure=1.16, unit="s", goal=None, how="all seven processes at once")
LEGACY_INSTALL = OldFigure(
    metric="install size", figure=1518236 * 1024 / 1e6, unit="MB", goal=None, how="node_modules of all parts, du"
)
LEGACY_TAB = OldFigure(
    metric="open tab", figure=0.68, unit="MB/h", goal=None, how="HTTP, default view, empty queues, from 150 s"
)
VENDOR_MEMORY_GIB, VENDOR_CPUS = 1.0, 1.0
VENDOR = "1 GiB of memory and 1 CPU for each instance of an agent, as the Claude Agent SDK's hosting page recommends"
