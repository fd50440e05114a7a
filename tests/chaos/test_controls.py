"""The harness on trial: with one guard of the product taken out, the checker finds what that guard prevents.

Each control runs twice, with the guard in place and without it: the first has to be clean, the second caught.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import msgspec
import pytest
from tests.chaos.checker import Rule
from tests.chaos.cluster import STUCK_S, Cluster
from tests.chaos.drive import Verdict, come_to_rest, judge
from tests.chaos.faultplan import Counts, plan_faults
from tests.chaos.history import Began, Claimed
from tests.chaos.setup import Setup
from tests.chaos.slowdisk import slow_fsync
from tests.chaos.workload import PlannedTask, Shape, Work

_FENCE = {"finish": ("h[1] == 'leased' and h[2] == fence", "h[1] == 'leased'")}
_SUBMIT_KEY = {"submit": ("keyed[key] or call('GET', P .. 'key:' .. key)", "nil")}
_CLAIM_NONCE = {"claim": ("if before and string.match(before, '^%S+') == ARGV[1] then", "if false then")}
_LEASE = {"claim": ("in_parts('ZADD', P .. 'leased', leases)", "")}
_PLAIN = Shape(cpu_share=0, stall_share=0, fail_share=0, fatal_share=0, parent_share=0, delay_share=0)

with_and_without = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])


def _run(folder: Path, setup: Setup, counts: Counts, *, gap_s: float, stuck_s: float = STUCK_S) -> Verdict:
    plan = plan_faults(setup.seed, counts, gap_s=gap_s, lease_s=setup.lease_s)
    with Cluster(folder, setup) as cluster:
        cluster.carry_out(plan)
        findings = come_to_rest(cluster, stuck_s=stuck_s)
    return judge(cluster, findings)


def _expect(verdict: Verdict, rule: Rule, *, guarded: bool) -> None:
    if guarded:
        assert verdict.clean, verdict
    else:
        assert rule in verdict.rules, verdict


@with_and_without
def test_without_the_fence_a_frozen_host_finishes_a_task_twice(tmp_path: Path, *, guarded: bool) -> None:
    """finish.lua compares the fence: else a host that wakes after its lease has its late result taken as well."""
    setup = Setup(
        hosts=2, slots=4, submitters=0, lease_s=2.0, stubborn=2, proxied=0, replaced={} if guarded else _FENCE
    )  # fmt: skip
    with Cluster(tmp_path, setup) as cluster:
        cluster.submit([PlannedTask(key=f"k-{n}", work=Work(ms=6000)) for n in range(4)])
        cluster.wait(lambda: _begun(cluster) == 4, "four tasks are at work")  # one that was only claimed is released
        holder = _claims(cluster)[0].host
        held = {claim.task for claim in _claims(cluster) if claim.host == holder}
        cluster.freeze(holder, hold_s=60)
        cluster.wait(
            lambda: held <= {claim.task for claim in _claims(cluster) if claim.host != holder},
            "the other host has what the frozen one held",
        )
        cluster.thaw(holder)
        findings = come_to_rest(cluster)
    verdict = judge(cluster, findings)
    _expect(verdict, Rule.FINISH_DOUBLED, guarded=guarded)
    if guarded:
        assert verdict.stale == len(held), "no late result was refused: the run proves nothing"


def _begun(cluster: Cluster) -> int:
    return sum(isinstance(event, Began) for event in cluster.history())


def _claims(cluster: Cluster) -> list[Claimed]:
    return [event for event in cluster.history() if isinstance(event, Claimed)]


@with_and_without
def test_without_the_key_a_repeated_submit_makes_a_second_task(tmp_path: Path, *, guarded: bool) -> None:
    """submit.lua looks the idempotency key up: else a submit whose answer was lost is accepted twice."""
    setup = Setup(
        hosts=1, submitters=2, tasks=200, cut_share=0.5, proxied=0, stubborn=0,
        shape=msgspec.structs.replace(_PLAIN, most_ms=5), replaced={} if guarded else _SUBMIT_KEY,
    )  # fmt: skip
    _expect(_run(tmp_path, setup, Counts(submitters=3), gap_s=0.1), Rule.SUBMIT_DOUBLED, guarded=guarded)


@with_and_without
def test_without_the_nonce_a_repeated_claim_takes_tasks_nobody_works_on(tmp_path: Path, *, guarded: bool) -> None:
    """claim.lua answers a repeated nonce as before: else tasks of a lost answer wait for their lease to end."""
    setup = Setup(
        hosts=2, submitters=1, tasks=150, lease_s=2.5, proxied=2, proxy_bytes=2_000, stubborn=0,
        shape=msgspec.structs.replace(_PLAIN, most_ms=5), replaced={} if guarded else _CLAIM_NONCE,
    )  # fmt: skip
    _expect(_run(tmp_path, setup, Counts(), gap_s=0.1), Rule.CRASH_UNEXPLAINED, guarded=guarded)


@with_and_without
def test_without_the_lease_a_killed_host_takes_its_tasks_along(tmp_path: Path, *, guarded: bool) -> None:
    """claim.lua leases in the script that takes from the lane: else what a killed host had popped is lost."""
    setup = Setup(
        hosts=2, submitters=1, tasks=150, tasks_per_s=100, proxied=0, stubborn=0,
        shape=msgspec.structs.replace(_PLAIN, least_ms=20), replaced={} if guarded else _LEASE,
    )  # fmt: skip
    _expect(_run(tmp_path, setup, Counts(kills=6), gap_s=0.2, stuck_s=1.5), Rule.UNFINISHED, guarded=guarded)


@with_and_without
def test_without_fsync_before_the_answer_a_killed_engine_forgets(tmp_path: Path, *, guarded: bool) -> None:
    """appendfsync always keeps what was acknowledged behind a slow disk; everysec does not."""
    setup = Setup(hosts=1, submitters=0, proxied=0, stubborn=0, fsync="always" if guarded else "everysec")
    with Cluster(tmp_path, setup) as cluster:
        with slow_fsync(cluster.engine_pid(), delay_s=0.1 if guarded else 4.0):
            end_s = time.monotonic() + 60
            for number in itertools.count():
                written = _written(cluster)
                cluster.submit([PlannedTask(key=f"k-{number}-{n}", work=Work()) for n in range(3)])
                if number == 4 if guarded else _written(cluster) == written:
                    break
                assert time.monotonic() < end_s, "every submit was written at once: the run proves nothing"
                cluster.pump(0.02)
            cluster.kill_engine()
        cluster.engine_pid()
        findings = come_to_rest(cluster, stuck_s=2.0)
    _expect(judge(cluster, findings), Rule.LOST, guarded=guarded)


def _written(cluster: Cluster) -> int:
    """Bytes in the engine's log."""
    return sum(path.stat().st_size for path in (cluster.home / "appendonlydir").iterdir())
