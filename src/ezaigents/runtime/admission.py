"""How much more work a host takes on. Job: pure decisions over measured memory, free slots and lanes.

Work is admitted by measured memory, not only by count; a suspect runs alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

CLAIM_MOST = 256
"""Tasks in one claim: keeps the script under about 5 ms, so that no other call waits long behind it."""


class Lane(msgspec.Struct, frozen=True):
    """A lane this host serves: its name in the engine and its agent. Quarantine lanes end in "!"."""

    name: str
    agent: str

    @property
    def quarantine(self) -> bool:
        """True when its tasks run alone."""
        return self.name.endswith("!")


def rss_bytes() -> int:
    """Resident memory of this process, from /proc (Linux) or, as a peak, from getrusage."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - no pathlib work on a path taken this often
            return int(file.read().split()[1]) * _PAGE_BYTES
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _page_bytes() -> int:
    import os

    return os.sysconf("SC_PAGE_SIZE")


_PAGE_BYTES = _page_bytes()


def admitted_tasks(*, rss: int, idle_rss: int, budgeted: int, limit: int, task_bytes: int, running: int) -> int:
    """How many more tasks of `task_bytes` each fit under `limit` (all in bytes); one always fits when nothing runs.

    `rss`: measured now. `idle_rss`: measured when last nothing ran. `budgeted`: what the running tasks may take in
    all; those that have just begun have not touched it yet, so the larger of the two views counts.
    """
    used = max(rss, idle_rss + budgeted)
    room = max(0, (limit - used) // max(1, task_bytes))
    return max(room, 1 if running == 0 else 0)


def plan_claims(
    hungry: Iterable[Lane],
    free: Mapping[str, int],
    *,
    running: int,
    room: int,
) -> list[tuple[Lane, int]]:
    """Choose (lane, n) for the next claim, n >= 1 each, in all at most `room` and CLAIM_MOST.

    `free`: free slots by agent. While a quarantine lane has work nothing else is claimed: when the host has run
    dry, one suspect is claimed alone.
    """
    lanes = list(hungry)
    suspects = [lane for lane in lanes if lane.quarantine]
    if suspects:
        return [(suspects[0], 1)] if running == 0 else []
    plan = []
    left = min(room, CLAIM_MOST)
    slots = dict(free)  # an agent's lanes (one per place) share its slots
    for lane in lanes:
        count = min(slots.get(lane.agent, 0), left)
        if count > 0:
            plan.append((lane, count))
            slots[lane.agent] -= count
            left -= count
    return plan
