"""What a host says once to who started it: that it is ready, or why it is not."""

from __future__ import annotations

import msgspec

from ezaigents.codec import printable


class HostReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`error`: "" = ready. `exit_code`: what the host leaves with. `conflict_pid`: who has the name, 0 = nobody.

    `engine`: the engine in words. `agents_ready`, `agents_not`: names. `dashboard`: a link, good once.
    `notes`: what else is to be known.
    """

    name: str
    home: str
    pid: int
    error: str = ""
    exit_code: int = 0
    conflict_pid: int = 0
    started_in_s: float = 0.0
    engine: str = ""
    workspace: str = ""
    agents_ready: tuple[str, ...] = ()
    agents_not: tuple[str, ...] = ()
    simulated: bool = False
    dashboard: str = ""
    notes: tuple[str, ...] = ()


def ready_lines(report: HostReport, *, how_to_stop: str) -> list[str]:
    """A ready host in words."""
    agents = ", ".join(report.agents_ready) or "none"
    if report.agents_not:
        agents += f"; unavailable: {', '.join(report.agents_not)}; `ez agents` says why"
    agents = printable(agents)
    if report.simulated:
        agents += " (models are simulated: none is asked, nothing is paid)"
    return [
        f"System ready in {report.started_in_s:.2f} s",
        f"  host       {report.name}, process {report.pid}",
        f"  agents     {agents}",
        *([f"  dashboard  {report.dashboard} (good once; `ez open` makes another)"] if report.dashboard else []),
        f"  engine     {report.engine}",
        f"  workspace  {report.workspace}",
        f"  data       {report.home}",
        f"  stop       {how_to_stop}",
        *[f"  note       {printable(note)}" for note in report.notes],
    ]
