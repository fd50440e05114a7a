"""The kill harness: everything that may die dies again and again, and no task is lost or has its effect twice."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.drive import full_counts, run_chaos
from tests.chaos.setup import Setup

_KILLS = 200
_TASKS = 3_200
_GAP_S = 0.13
"""Mean time between two faults: with 350 of them about 45 s, in which each host lives for half a second."""


def test_nothing_is_lost_and_no_effect_is_doubled_under_kills(tmp_path: Path) -> None:
    """200 hosts, 15 engines and 15 whole host sets killed, 80 hosts frozen past their lease: each task ends once."""
    setup = Setup(seed=20_26, tasks=_TASKS, tasks_per_s=70)
    verdict = run_chaos(tmp_path, setup, full_counts(_KILLS), gap_s=_GAP_S)
    assert verdict.clean, verdict
    assert (verdict.lost, verdict.doubled) == (0, 0)
    assert verdict.kills >= 200
    assert verdict.stops >= 80
    assert verdict.engine_kills >= 15
    assert verdict.host_set_kills >= 15
    assert verdict.adoptions == verdict.host_set_kills
    assert verdict.tasks == _TASKS > 3_000
    assert verdict.stale > 0, "no zombie came back too late: the run proves nothing about fences"
    assert verdict.reaped > 0, "no task was ever taken from a dead host"
