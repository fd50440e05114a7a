"""`/metrics`, read by a parser that is not ours and compared with what else is told of the fleet."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Any

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.integration.api.site import Site, open_site
from tests.integration.runtime.fleets import Bench, agent
from tests.leaks import run, until

from ezaigents.access import Role
from ezaigents.api.routes import metrics as metrics_route
from ezaigents.budget import Budget, HoldName, Limits
from ezaigents.records import Usage
from ezaigents.settings import Settings


async def _scrape(site: Site, **more: Any) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Each sample's name to its values, by labels."""
    answer = await site.get("/metrics", **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):  # type: ignore[no-untyped-call]
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def _of(name: str, found: dict[str, dict[tuple[tuple[str, str], ...], float]], **labels: str) -> float:
    return found[name][tuple(sorted(labels.items()))]


def test_it_says_what_the_status_says(settings: Settings) -> None:
    """Tasks by state, agents, slots and the engine are those of `ez status --json`, under a token that may look."""
    bench = Bench()

    async def story() -> None:
        async with open_site(settings, agent(bench.do, "a", slots=2), agent(bench.do, 'b"\\\n')) as site:
            site.write("a.py")
            await site.hand_in(delay_s=3600)
            for _ in range(3):
                await site.hand_in()
            await until(lambda: bench.now == 2)
            found = await _scrape(site, token=site.give(Role.READ))
            told = (await site.get("/api/status")).json()
            assert told["queue"]["leased"] == 2
            assert told["queue"]["ready"] == 1
            for state, count in told["queue"].items():
                assert _of("ez_tasks", found, state=state) == count
            for one in told["agents"]:
                assert _of("ez_agent_busy_tasks", found, agent=one["name"]) == one["busy"]
                assert _of("ez_agent_slots", found, agent=one["name"]) == one["slots"]
            assert _of("ez_agents", found) == len(told["agents"]) == 2
            assert _of("ez_agent_health", found, agent="a", ez_agent_health="busy") == 1
            assert _of("ez_agent_health", found, agent="a", ez_agent_health="healthy") == 0
            assert _of("ez_agent_state", found, agent='b"\\\n', ez_agent_state="ready") == 1
            engine = told["engine"]
            kinds = {name: engine[name] for name in ("kind", "version", "durability")}
            assert _of("ez_engine_info", found, **kinds) == 1
            assert 0.5 < _of("ez_engine_memory_bytes", found) / engine["used_memory_bytes"] < 2
            assert _of("ez_tasks_accepted_total", found) == await site.accepted()
            assert _of("ez_hosts", found) == 1
            assert _of("ez_queue_oldest_age_seconds", found) > 0
            bench.go.set()
            await until(lambda: len(bench.ended) == 6)

    run(story())


def test_the_longest_wait_is_found_behind_urgent_ones(settings: Settings) -> None:
    """A task that waits long in a low priority counts, however many urgent ones came after it."""
    bench = Bench()

    async def story() -> None:
        async with open_site(settings, agent(bench.do, "a", slots=1)) as site:
            site.write("a.py")
            await site.hand_in()
            await until(lambda: bench.now == 1)
            assert _of("ez_queue_oldest_age_seconds", await _scrape(site)) == 0
            await site.hand_in(priority=9)
            since = time.monotonic()
            await asyncio.sleep(0.3)
            for _ in range(3):
                await site.hand_in(priority=0)
            known = time.monotonic() - since
            assert _of("ez_queue_oldest_age_seconds", await _scrape(site)) >= known * 0.9
            bench.go.set()
            await until(lambda: len(bench.ended) == 10)

    run(story())


def test_money_and_tokens_are_those_of_the_budget(settings: Settings) -> None:
    """What calls cost is told in dollars, real and simulated apart, and by agent for today."""

    async def story() -> None:
        async with open_site(settings) as site:
            budget = Budget(site.yard.queue, site.settings.home_path)
            limits = Limits(task=10**9, agent=10**9, day=10**9, total=10**9)
            name = HoldName("t", 1, 1, 1)
            await budget.reserve(name, agent="a", run="r", amount=2_000_000, least=1, limits=limits, ttl_s=60)
            assert _of("ez_reserved_usd", await _scrape(site), simulated="false") == 2
            await budget.settle(name, 1_500_000, Usage(input=70, output=8))
            found = await _scrape(site)
            assert _of("ez_spent_usd_total", found, simulated="false") == 1.5
            assert _of("ez_spent_usd_total", found, simulated="true") == 0
            assert _of("ez_reserved_usd", found, simulated="false") == 0
            assert _of("ez_model_calls_total", found, simulated="false") == 1
            assert _of("ez_tokens_total", found, simulated="false", gen_ai_token_type="input") == 70
            assert _of("ez_tokens_total", found, simulated="false", gen_ai_token_type="output") == 8
            ((labels, spent),) = found["ez_agent_spent_usd_total"].items()
            assert (dict(labels)["agent"], dict(labels)["simulated"], spent) == ("a", "false", 1.5)
            assert (await budget.scope(f"day:{dict(labels)['day']}")).spent == 1_500_000

    run(story())


def test_the_process_is_told_under_the_usual_names(settings: Settings) -> None:
    """Processor time, memory and start are those of the process that answers."""

    async def story() -> None:
        async with open_site(settings) as site:
            found = await _scrape(site)
            assert 0 < _of("process_cpu_seconds_total", found) <= time.process_time()
            if sys.platform == "linux":
                assert _of("process_resident_memory_bytes", found) > 1_000_000
                assert time.time() - 86_400 < _of("process_start_time_seconds", found) <= time.time()
                assert 0 < _of("process_open_fds", found) <= len(os.listdir("/proc/self/fd")) + 5  # noqa: PTH208

    run(story())


def test_an_engine_that_does_not_answer_cannot_be_measured(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is 503, before whoever scrapes loses patience, and no figure is made up."""
    monkeypatch.setattr(metrics_route, "_ANSWER_S", 0.2)

    async def story() -> None:
        async with open_site(settings) as site:
            await _scrape(site)
            site.yard.kill_engine(signal.SIGSTOP)
            try:
                answer = await site.get("/metrics")
                assert answer.status_code == 503
                assert "retry-after" in answer.headers
            finally:
                site.yard.kill_engine(signal.SIGCONT)

    run(story())


def test_nobody_scrapes_without_a_token(settings: Settings) -> None:
    """Figures are for those who may look."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.get("/metrics", token="")).status_code == 401

    run(story())


def test_scraping_loads_no_library_of_the_pages() -> None:
    """A host that is only measured holds no templates in its memory, although its site has pages."""
    loads = (
        "import sys; from ezaigents.dashboard import load_site; load_site();"
        "import ezaigents.api.metrics, ezaigents.api.process; from ezaigents.client import figures;"
        "print([name for name in ('jinja2', 'markupsafe', 'rich', 'lizard', 'httpx2') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    assert msgspec.json.decode(told.stdout.replace("'", '"')) == []
