"""The kill harness: everything that may die dies again and again, and no task is lost or has its effect twice."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.drive import full_counts, run_chaos
from tests.chaos.setup import Setup
from tests.effort import share

_KILLS = share(200, 2)
_TASKS = share(3_200, 2)
_GAP_S = 0.13
"""Mean time between two faults: with 175 of them about 23 s, in which each host lives for half a second."""


def test_nothing_is_lost_and_no_effect_is_doubled_under_kills(tmp_path: Path) -> None:
    """100 hosts, 7 engines and 7 whole host sets killed, 40 hosts frozen past their lease: each task ends once.

    Twice as many of each in the long run.
    """
    setup = Setup(seed=20_26, tasks=_TASKS, tasks_per_s=70)
    verdict = run_chaos(tmp_path, setup, full_counts(_KILLS), gap_s=_GAP_S)
    assert verdict.clean, verdict
    assert (verdict.lost, verdict.doubled) == (0, 0)
    assert verdict.kills >= _KILLS
    assert verdict.stops >= _KILLS * 80 // 200
    assert verdict.engine_kills >= _KILLS * 15 // 200
    assert verdict.host_set_kills >= _KILLS * 15 // 200
    assert verdict.adoptions == verdict.host_set_kills
    assert verdict.tasks == _TASKS
    assert verdict.stale > 0, "no zombie came back too late: the run proves nothing about fences"
    assert verdict.reaped > 0, "no task was ever taken from a dead host"
