"""`/api/resources` and its metrics: measured while somebody asks, once for all who do, and never made up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from tests.integration.api.site import open_site
from tests.integration.api.test_metrics import _of, _scrape
from tests.integration.monitor.docker_daemon import docker_daemon
from tests.integration.runtime.fleets import call
from tests.leaks import run

from ezaigents.access import Role
from ezaigents.api import resources
from ezaigents.monitor import sampler
from ezaigents.settings import Settings


def test_the_newest_look_and_those_before_are_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """To whoever may read; each look adds to the history, in order, and no more of it is kept than is said."""
    monkeypatch.setattr(resources, "_FRESH_S", 0.0)
    monkeypatch.setattr(resources, "KEPT_MOST", 3)

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            await site.finish()
            reader = site.give(Role.READ)
            for _ in range(5):
                told = (await site.get("/api/resources", token=reader)).json()
            assert [point["at_ms"] for point in told["history"]] == sorted(p["at_ms"] for p in told["history"])
            assert len(told["history"]) == 3
            now = told["now"]
            assert (now["queue"]["done"], now["hosts"]) == (2, 1)
            assert told["history"][-1]["rss_bytes"] == now["total"]["rss_bytes"]
            assert {row["sort"]: row["keys"] for row in now["engine"]["by_sort"]}["t:"] == 2
            if sys.platform == "linux":
                assert now["processes"][0]["pid"] == os.getpid()

    run(story())


def test_a_crowd_costs_one_look(settings: Settings) -> None:
    """All who ask within two seconds get the same look; and between visits the engine is asked nothing."""

    async def story() -> None:
        async with open_site(settings) as site:
            answers = await asyncio.gather(*[site.get("/api/resources") for _ in range(10)])
            assert {answer.json()["now"]["at_ms"] for answer in answers} == {answers[0].json()["now"]["at_ms"]}
            assert len(answers[0].json()["history"]) == 1
            scans = call(site.yard.fleet, "INFO", "commandstats").decode().partition("cmdstat_scan:calls=")[2][:2]
            assert scans.startswith("1")

    run(story())


def test_an_engine_that_does_not_answer_is_503(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure is made up, nor is an old one shown as if it were new."""
    monkeypatch.setattr(sampler, "_LOOK_S", 0.2)
    monkeypatch.setattr(resources, "_FRESH_S", 0.0)

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.get("/api/resources")).status_code == 200
            site.yard.kill_engine(signal.SIGSTOP)
            try:
                answer = await site.get("/api/resources")
                assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
            finally:
                site.yard.kill_engine(signal.SIGCONT)

    run(story())


def test_a_crowd_waits_for_one_look_that_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who came while it was under way waits for another of his own."""
    monkeypatch.setattr(sampler, "_LOOK_S", 2.0)

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.get("/api/health")).status_code == 200
            site.yard.kill_engine(signal.SIGSTOP)
            try:
                async with asyncio.timeout(10):  # each by himself would take twenty seconds
                    answers = await asyncio.gather(*[site.get("/api/resources") for _ in range(10)])
            finally:
                site.yard.kill_engine(signal.SIGCONT)
            assert {answer.status_code for answer in answers} == {503}

    run(story())


def test_metrics_tell_the_same(settings: Settings, tmp_path: Path) -> None:
    """Processes by role, keys by sort, traffic, agents and containers are those of the look."""
    watched = msgspec.structs.replace(settings, docker_socket=str(tmp_path / "d"))

    async def story() -> None:
        async with docker_daemon(tmp_path / "d"), open_site(watched) as site:
            site.write("a.py")
            await site.finish()
            now = (await site.get("/api/resources")).json()["now"]
            found = await _scrape(site)
            rows = {row["sort"]: row for row in now["engine"]["by_sort"]}
            assert _of("ez_engine_keys", found, sort="t:", how="counted") == rows["t:"]["keys"] == 2
            assert _of("ez_engine_key_bytes", found, sort="t:", how="counted") == rows["t:"]["bytes"]
            assert _of("ez_engine_received_bytes_total", found) == now["network"]["received_bytes"]
            assert _of("ez_engine_sent_bytes_total", found) == now["network"]["sent_bytes"]
            assert _of("ez_agent_engine_bytes", found, agent="a") == now["agents"][0]["engine_bytes"] > 0
            assert _of("ez_container_cpu_seconds_total", found, container="ez-host") == 1.5
            assert _of("ez_container_memory_bytes", found, container="ez-host") == 30_000_000
            if sys.platform == "linux":
                by_role = {one["role"]: one for one in now["processes"]}
                for role in ("host", "engine"):
                    one = by_role[role]
                    labels = {"role": role, "process": one["name"]}
                    assert _of("ez_process_resident_memory_bytes", found, **labels) == one["rss_bytes"]
                    assert _of("ez_process_proportional_memory_bytes", found, **labels) == one["pss_bytes"]
                    assert _of("ez_process_cpu_seconds_total", found, **labels) == one["cpu_s"]
                    assert _of("ez_processes", found, role=role) == 1

    run(story())
