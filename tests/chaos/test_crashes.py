"""Hosts that die at chosen moments, and a task that kills every host it meets."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chaos.cluster import Cluster
from tests.chaos.drive import come_to_rest, judge
from tests.chaos.history import Final
from tests.chaos.setup import Setup
from tests.chaos.worker import CRASH_POINTS
from tests.chaos.workload import PlannedTask, Work


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_host_killed_at_any_point_of_an_attempt_loses_and_doubles_nothing(tmp_path: Path, point: str) -> None:
    """Before, during and after claim, effect and finish: what a killed host held is done once by the next."""
    setup = Setup(hosts=1, slots=2, submitters=0, stubborn=0, proxied=0, crash_at=point)
    with Cluster(tmp_path, setup) as cluster:
        cluster.submit([PlannedTask(key=f"k-{n}", work=Work(ms=n)) for n in range(4)])
        findings = come_to_rest(cluster)
        starts = cluster.hosts["w0"].starts
    verdict = judge(cluster, findings)
    assert verdict.clean, verdict
    assert starts == 2, f"the point {point} was not reached"
    assert verdict.tasks == 4
    if not point.endswith("finish"):
        assert (verdict.reaped > 0) == (point != "before_claim"), "it died on the other side of the claim"


def test_a_poison_task_dies_and_its_neighbours_do_not(tmp_path: Path) -> None:
    """Of 100 good tasks and one that kills its host each time, all in one host, only the poison ends dead."""
    work = [Work(ms=n % 20) for n in range(100)]
    work.insert(50, Work(poison=True))
    setup = Setup(hosts=1, slots=8, submitters=0, stubborn=0, proxied=0)
    with Cluster(tmp_path, setup) as cluster:
        cluster.submit([PlannedTask(key=f"k-{n}", work=each) for n, each in enumerate(work)])
        findings = come_to_rest(cluster)
    verdict = judge(cluster, findings)
    assert verdict.clean, verdict
    finals = {final.key: (final.state, final.error) for final in cluster.history() if isinstance(final, Final)}
    assert finals.pop("k-50") == ("dead", "crashed")
    assert set(finals.values()) == {("done", "")}
    assert len(finals) == 100
