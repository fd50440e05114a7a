"""Hosts that lose a claim and go on all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.chaos.cluster import Cluster
from tests.chaos.history import Began
from tests.chaos.setup import Setup
from tests.chaos.workload import PlannedTask, Work

from ezaigents.client import Client
from ezaigents.policy import CrashPolicy


def test_a_host_that_takes_a_lost_task_again_gets_both_slots_back(tmp_path: Path) -> None:
    """An attempt whose task was lost, and claimed again by the same host, frees its slot when it ends."""
    setup = Setup(hosts=1, slots=2, submitters=0, stubborn=1, proxied=0)
    with Cluster(tmp_path, setup) as cluster:
        cluster.submit([PlannedTask(key="lost", work=Work(ms=1200))])
        cluster.wait(lambda: len(_began(cluster)) == 1, "the task has begun")
        cluster.freeze("w0", hold_s=60)
        cluster.wait(lambda: asyncio.run(_reap(cluster)) == 1, "its lease has ended")
        cluster.thaw("w0")
        cluster.wait(lambda: len(_began(cluster)) == 2, "the task has begun again")
        cluster.drain()
        cluster.submit([PlannedTask(key=key, work=Work(ms=600)) for key in ("one", "two")])
        cluster.wait(lambda: len(_began(cluster)) == 4, "both tasks have begun")
        *_, one, two = _began(cluster)
    assert two.at - one.at < 0.4, "the two slots worked one after the other"


async def _reap(cluster: Cluster) -> int:
    async with Client.connect(cluster.settings("driver"), need_host=False) as client:
        return len(await client.queue.reap(CrashPolicy()))


def _began(cluster: Cluster) -> list[Began]:
    return [event for event in cluster.history() if isinstance(event, Began)]
