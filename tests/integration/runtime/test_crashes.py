"""Hosts that die: what they held comes back, and a task that kills hosts dies alone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.integration.runtime.fleets import (
    DONE,
    NO_WAKE,
    Bench,
    agent,
    at_once,
    hand_in,
    place_of,
    plain_queue,
    working,
)
from tests.integration.runtime.hosts import HostProcess
from tests.leaks import run, until

from ezaigents.errors import HostConflict
from ezaigents.policy import CrashPolicy
from ezaigents.records import TaskState
from ezaigents.settings import Settings

Start = Callable[[Settings], HostProcess]


def _effects(settings: Settings) -> dict[str, list[str]]:
    done: dict[str, list[str]] = {}
    for line in (Path(settings.workspace) / "effects").read_text().splitlines():
        task, host = line.split()
        done.setdefault(task, []).append(host)
    return done


def test_a_host_takes_back_what_its_former_self_held(settings: Settings, start_host: Start) -> None:
    """A host started again under its name does not wait for the leases of its former, dead self."""
    steady = msgspec.structs.replace(settings, lease_s=600.0, renew_s=100.0)
    first = start_host(steady)

    async def submit() -> list[str]:
        async with plain_queue(steady) as queue:
            ids = await hand_in(queue, place_of(steady), 3, payload="long")

            async def held() -> bool:
                return (await queue.counts())["leased"] == 3

            await until(held)
            first.end(signal.SIGKILL)
            return ids

    async def story() -> None:
        ids = await submit()
        async with working(steady, agent(at_once)) as yard:
            tasks = await yard.ended(ids, limit_s=5)
            assert [(task.state, task.crashes) for task in tasks] == [(DONE, 1)] * 3

    run(story())


def test_a_dead_hosts_tasks_are_taken_over(settings: Settings, start_host: Start) -> None:
    """What a killed host held is done by another one as soon as its leases have ended, without any hint."""

    async def story() -> None:
        bench = Bench()
        heir = msgspec.structs.replace(settings, name="heir", sweep_s=30.0)
        async with working(heir, agent(bench.do, slots=1)) as yard:
            own = await yard.hand_in()
            await until(lambda: bench.now == 1)
            first = await asyncio.to_thread(start_host, settings)
            ids = await yard.hand_in(4, payload="long")

            async def held() -> bool:
                return (await yard.queue.counts())["leased"] == 5

            await until(held)
            await asyncio.to_thread(first.end, signal.SIGKILL)
            bench.go.set()
            tasks = await yard.ended(own + ids, limit_s=settings.lease_s + 5)
            assert [(task.state, task.crashes) for task in tasks] == [(DONE, 0)] + [(DONE, 1)] * 4

    run(story())


def test_two_hosts_share_the_work(settings: Settings, start_host: Start) -> None:
    """Two hosts of different names on one data folder both work, and each task is done once."""
    start_host(settings)
    start_host(msgspec.structs.replace(settings, name="second"))

    async def story() -> list[str]:
        async with plain_queue(msgspec.structs.replace(settings, name="nobody")) as queue:
            ids = await hand_in(queue, place_of(settings), 60, payload="slow")

            async def done() -> bool:
                return (await queue.counts())["done"] == 60

            await until(done)
            return ids

    ids = run(story())
    done = _effects(settings)
    assert {task: len(hosts) for task, hosts in done.items()} == dict.fromkeys(ids, 1)
    assert {hosts[0] for hosts in done.values()} == {"main", "second"}


def test_a_second_host_of_the_same_name_is_refused(settings: Settings, start_host: Start) -> None:
    """One name, one host: the second is refused with the first one's pid and the data folder."""
    first = start_host(settings)

    async def story() -> None:
        with pytest.raises(HostConflict) as refused:
            async with working(settings, agent(at_once)):
                pass
        assert str(first.pid) in str(refused.value)
        assert settings.home in str(refused.value)

    run(story())
    assert first.end() == 0


def test_a_suspect_runs_alone(settings: Settings) -> None:
    """A task under which two hosts died is worked on when nothing else is, and nothing begins beside it."""

    async def story() -> None:
        async with plain_queue(settings) as queue:
            place = place_of(settings)
            suspect = await hand_in(queue, place)
            for number in range(2):
                await queue.claim(f"n:{number}", "dead", 60_000, [(f"a@{place}", 1)])
                await queue.reap(CrashPolicy(), owner="dead")
            others = await hand_in(queue, place, 6)
        bench = Bench()
        async with working(settings, agent(bench.do)) as yard:
            await until(lambda: bench.now >= 1)
            await asyncio.sleep(0.1)
            assert bench.began == suspect, "the suspect runs first, as nothing else ran yet"
            bench.go.set()
            tasks = await yard.ended(suspect + others)
            assert {task.state for task in tasks} == {DONE}

    run(story())


def test_a_suspect_waits_until_the_host_has_run_dry(settings: Settings) -> None:
    """While a suspect waits nothing else is claimed, and it begins when the running tasks have ended."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do, slots=2), agent(at_once, "b")) as yard:
            first = await yard.hand_in(2)
            await until(lambda: bench.now == 2)
            lane = f"b@{yard.client.place}"
            deaf = yard.deaf_queue(submit=NO_WAKE, reap=NO_WAKE)
            suspect = await hand_in(deaf, yard.client.place, agent="b")
            for number in range(2):
                await deaf.claim(f"n:{number}", "dead", 60_000, [(lane, 1)])
                await deaf.reap(CrashPolicy(), owner="dead")
            yard.fleet.host.on_heard(yard.queue.keys.wake(f"{lane}!"), "")
            later = await yard.hand_in()
            await asyncio.sleep(0.1)
            assert (await yard.task(suspect[0])).state is TaskState.READY
            assert bench.began == first
            bench.go.set()
            await yard.ended(suspect + first + later)
            suspected, began_later = await yard.task(suspect[0]), await yard.task(later[0])
            assert suspected.fence < began_later.fence

    run(story())


def test_a_poison_task_dies_and_its_neighbours_live(settings: Settings, start_host: Start) -> None:
    """A task that kills its host is dead after three crashes alone; of ten others every one is done, once."""

    async def submit() -> tuple[str, list[str]]:
        async with plain_queue(settings) as queue:
            good = await hand_in(queue, place_of(settings), 5, payload="slow")
            poison = await hand_in(queue, place_of(settings), payload="die")
            return poison[0], good + await hand_in(queue, place_of(settings), 5, payload="slow")

    poison, good = run(submit())
    deaths = 0

    async def story() -> None:
        nonlocal deaths
        host = start_host(settings)
        async with plain_queue(msgspec.structs.replace(settings, name="nobody")) as queue:
            while True:
                counts = await queue.counts()
                if counts["done"] + counts["dead"] == 11:
                    break
                if host.ended() is not None:
                    deaths += 1
                    host = await asyncio.to_thread(start_host, settings)
                await asyncio.sleep(0.01)
            task = await queue.task(poison)
            assert (task.state, task.error, task.solo_crashes) == (TaskState.DEAD, "crashed", 3)
            assert {one.state for one in await queue.tasks(good)} == {DONE}

    run(story())
    assert deaths == 5
    assert {task: len(hosts) for task, hosts in _effects(settings).items()} == dict.fromkeys(good, 1)
