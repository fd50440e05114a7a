"""Stopping in order, stopping in a hurry, and being killed while stopping."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.cluster import Cluster
from tests.chaos.drive import Verdict, come_to_rest, judge, run_chaos
from tests.chaos.faultplan import Counts
from tests.chaos.history import Began, Event, Final, Phase, Settle
from tests.chaos.setup import Setup
from tests.chaos.workload import PlannedTask, Work


def test_a_stopped_host_hands_its_tasks_back_without_spending_an_attempt(tmp_path: Path) -> None:
    """After its grace a stopping host releases what still runs, leaves with 0, and the next one does it."""
    verdict, events = _stop_and_go_on(tmp_path, _one_host(0.2), signals=1)
    assert verdict.clean, verdict
    assert _verbs_taken(events, "release") == 4
    assert [(f.attempts, f.crashes) for f in events if isinstance(f, Final)] == [(0, 0)] * 4


def test_a_second_signal_shortens_the_grace(tmp_path: Path) -> None:
    """A host with 30 s of grace releases its tasks at once when it is told twice, and leaves with 0."""
    verdict, events = _stop_and_go_on(tmp_path, _one_host(30.0), signals=2)
    assert verdict.clean, verdict
    assert _verbs_taken(events, "release") == 4
    assert [(f.attempts, f.crashes) for f in events if isinstance(f, Final)] == [(0, 0)] * 4


def test_a_stopping_host_lets_short_tasks_end(tmp_path: Path) -> None:
    """What ends within the grace is finished, not handed back, and nothing more is claimed."""
    setup = _one_host(30.0)
    with Cluster(tmp_path, setup) as cluster:
        cluster.submit([PlannedTask(key=f"k-{n}", work=Work(ms=400)) for n in range(6)])
        cluster.wait(lambda: _begun(cluster) == 4, "four tasks have begun")
        cluster.stop()
        stopped = cluster.history()
        cluster.start_host("w0")
        findings = come_to_rest(cluster)
    assert (_verbs_taken(stopped, "finish"), _verbs_taken(stopped, "release")) == (4, 0)
    assert judge(cluster, findings).clean
    assert cluster.exits == [0, 0]


def test_a_shutdown_storm_loses_nothing(tmp_path: Path) -> None:
    """Hosts that are killed 0 to 50 ms after they were asked to stop, 30 times, lose and double no task."""
    setup = Setup(hosts=2, submitters=1, tasks=300, tasks_per_s=60, seed=7, proxied=1, stubborn=1)
    verdict = run_chaos(tmp_path, setup, Counts(terms=30), gap_s=0.1)
    assert verdict.clean, verdict
    assert verdict.storms == 30
    assert verdict.tasks == 300


def _one_host(grace_s: float) -> Setup:
    return Setup(hosts=1, slots=4, submitters=0, stubborn=0, proxied=0, grace_s=grace_s)


def _stop_and_go_on(folder: Path, setup: Setup, *, signals: int) -> tuple[Verdict, list[Event]]:
    """Stop a host under four long tasks, start the next one, let it finish them."""
    with Cluster(folder, setup) as cluster:
        cluster.submit([PlannedTask(key=f"k-{n}", work=Work(ms=1500)) for n in range(4)])
        cluster.wait(lambda: _begun(cluster) == 4, "four tasks have begun")
        cluster.stop(signals=signals)
        cluster.start_host("w0")
        findings = come_to_rest(cluster)
    assert cluster.exits == [0, 0]
    return judge(cluster, findings), cluster.history()


def _begun(cluster: Cluster) -> int:
    return sum(isinstance(event, Began) for event in cluster.history())


def _verbs_taken(events: list[Event], verb: str) -> int:
    return sum(isinstance(e, Settle) and e.verb == verb and e.phase is Phase.OK for e in events)
