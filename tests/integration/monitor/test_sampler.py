"""Looking at a fleet at work: each figure against what else is known of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
from tests.engines import Engine, redis_program, running_engine
from tests.integration.monitor.docker_daemon import docker_daemon, stats
from tests.integration.runtime.fleets import Bench, agent, at_once, call, working
from tests.leaks import run, until

from ezaigents.client import Client
from ezaigents.engine import BlockingConnection
from ezaigents.errors import EngineDown
from ezaigents.monitor import Role, Sample, Sampler, processes_of
from ezaigents.monitor import keys as keys_file
from ezaigents.monitor import sampler as sampler_file
from ezaigents.settings import Settings

NOT_HERE = pytest.mark.skipif(sys.platform != "linux", reason="the system keeps no books on processes")


def _keys(sample: Sample) -> dict[str, int]:
    return {row.sort: row.keys for row in sample.engine.by_sort}


@NOT_HERE
def test_host_and_engine_are_found(settings: Settings) -> None:
    """By the locks they hold, with a client or without; the totals are their sum, and whoever looks is not in it."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            looker = {os.getppid(): (Role.MONITOR, "who looks")}
            sample = await Sampler(yard.client, looker).look()
            by_role = {one.role: one for one in sample.processes}
            assert (by_role[Role.HOST].pid, by_role[Role.HOST].name) == (os.getpid(), settings.name)
            assert by_role[Role.ENGINE].pid == yard.fleet.engine.pid
            assert by_role[Role.MONITOR].pid == os.getppid()
            # What else this process of the tests has started counts as the host's children.
            ours = [one for one in sample.processes if one.role is not Role.MONITOR]
            assert sample.total.rss_bytes == sum(one.rss_bytes for one in ours)
            assert sample.total.pss_bytes == sum(one.pss_bytes or 0 for one in ours)
            assert (sample.hosts, sample.unseen) == (1, ())
            found = await asyncio.to_thread(processes_of, settings)
            assert {(one.pid, one.role) for one in found} >= {
                (one.pid, one.role) for one in ours if one.role is not Role.CHILD
            }

    run(story())


def test_shares_are_of_the_time_between_two_looks(settings: Settings) -> None:
    """The first look knows none; then a host that works without rest uses about one processor, not none and not ten."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            sampler = Sampler(yard.client)
            first = await sampler.look()
            assert (first.interval_s, first.total.cpu_share, first.network.received_per_s) == (0.0, None, None)
            assert all(one.cpu_share is None for one in first.processes)
            loop = asyncio.get_running_loop()
            until_s = loop.time() + 0.3
            while loop.time() < until_s:
                sum(range(10_000))
            second = await sampler.look()
            host = next(one for one in second.processes if one.role is Role.HOST)
            assert host.cpu_share is not None
            assert 0.05 < host.cpu_share < 3
            assert second.total.cpu_share is not None
            assert second.total.cpu_share >= host.cpu_share

    run(story())


def test_looking_is_not_traffic(settings: Settings) -> None:
    """What looks ask is taken off to the byte: an idle engine that is watched is idle; what others do is seen.

    Of what it sends a few bytes remain: the answer that counts is itself not counted, and has not always one length.
    """

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            sampler = Sampler(yard.client)
            seen: list[Sample] = [await sampler.look()]

            async def quiet() -> bool:
                """Nobody else asked anything between two looks; now and then a host gives its sign of life."""
                seen.append(await sampler.look())
                network = seen[-1].network
                assert network.own_per_s is not None
                assert network.sent_per_s is not None
                assert network.own_per_s * seen[-1].interval_s > 1000
                return network.received_per_s == 0 and network.sent_per_s * seen[-1].interval_s < 64

            await until(quiet)
            call(yard.fleet, "ECHO", "x" * 100_000)
            before, after = seen[-1].network, (last := await sampler.look()).network
            assert after.received_bytes - before.received_bytes > 100_000
            assert after.received_per_s is not None
            assert 100_000 < after.received_per_s * last.interval_s < 110_000

    run(story())


def test_few_keys_are_all_counted(settings: Settings) -> None:
    """Every sort with its keys, bytes as the engine says, and life; each agent with its tasks' share."""

    async def story() -> None:
        bench = Bench()
        async with working(settings, agent(bench.do, "a", slots=1), agent(at_once, "b")) as yard:
            await yard.client.operator.write_to("b", "hello", kind="note")
            ids = await yard.hand_in(5)
            await until(lambda: bench.now == 1)
            sample = await Sampler(yard.client).look()
            rows = {row.sort: row for row in sample.engine.by_sort}
            assert (rows["t:"].keys, rows["ready:"].keys, rows["recent:"].keys, rows["n"].keys) == (5, 1, 1, 1)
            assert all(
                (row.keys_how, row.bytes_how, row.sampled) == ("counted", "counted", row.keys) for row in rows.values()
            )
            prefix = yard.queue.keys.prefix
            assert rows["t:"].bytes == sum(call(yard.fleet, "MEMORY", "USAGE", f"{prefix}t:{one}") for one in ids)
            assert (rows["t:"].life, rows["recent:"].life, rows["host:"].life) == ("none", "all", "all")
            assert (
                sum(_keys(sample).values())
                == sample.engine.keys
                == sample.engine.keys_seen
                == call(yard.fleet, "DBSIZE")
            )
            use = {one.name: one for one in sample.agents}
            lane = call(yard.fleet, "MEMORY", "USAGE", yard.queue.keys.ready(f"a@{yard.client.place}"))
            assert (use["a"].engine_bytes, use["a"].is_estimate, use["a"].busy) == (rows["t:"].bytes + lane, False, 1)
            assert use["b"].engine_bytes == rows["recent:"].bytes
            assert (sample.queue["ready"], sample.queue["leased"]) == (4, 1)
            assert sample.oldest_wait_s > 0
            bench.go.set()
            await yard.ended(ids)

    run(story())


def test_of_many_keys_a_slice_stands_for_all_and_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a look is bounded; what is counted elsewhere is exact, the rest is near, and called an estimate."""
    monkeypatch.setattr(keys_file, "_SLICE", 300)
    monkeypatch.setattr(keys_file, "_STEP", 100)
    tasks = 3000

    async def story() -> None:
        async with working(settings, agent(at_once), judged=False) as yard:
            await yard.client.operator.pause(["a"])
            await yard.hand_in(tasks)
            prefix = yard.queue.keys.prefix
            for number in range(0, tasks, 100):
                pairs = [part for n in range(number, number + 100) for part in (f"{prefix}key:k{n}", "x:y")]
                await yard.queue.put("MSET", *pairs)
            sampler = Sampler(yard.client)
            guesses = []
            for _ in range(8):
                sample = await sampler.look()
                assert sample.engine.keys_seen < 600
                rows = {row.sort: row for row in sample.engine.by_sort}
                assert (rows["t:"].keys, rows["t:"].keys_how) == (tasks, "counted")
                assert (rows["t:"].sampled, rows["t:"].bytes_how) == (64, "estimated")
                assert rows["key:"].keys_how == "estimated"
                assert (rows["ready:"].keys, rows["ready:"].bytes_how) == (1, "counted")
                assert (rows["n"].keys, rows["seq"].keys, rows["host:"].keys) == (1, 1, 1)
                guesses.append(rows["key:"].keys)
            assert 0.8 * tasks < sum(guesses) / len(guesses) < 1.2 * tasks
            task = rows["t:"].bytes
            assert task is not None
            assert 100 < task / tasks < 1000
            (use,) = sample.agents
            assert use.is_estimate
            assert use.engine_bytes > task * 0.9

    run(story())


def test_an_engine_that_goes_away_in_the_middle_is_an_error_and_not_a_figure(
    settings: Settings, tmp_path: Path
) -> None:
    """The look fails as every call does; the next one, with the engine back, knows that its counts began anew."""
    extra = ("--maxmemory-policy", "noeviction", "--appendonly", "yes")

    async def story(engine: Engine, away: Settings) -> None:
        async with working(away, agent(at_once), judged=False), Client.connect(away, patience_s=0.2) as client:
            sampler = Sampler(client)
            await sampler.look()
            os.kill(engine.pid, signal.SIGSTOP)
            looking = asyncio.create_task(sampler.look())
            await asyncio.sleep(0.05)
            engine.stop(signal.SIGKILL)
            with pytest.raises(EngineDown):
                await looking
            with running_engine(engine.folder, None, extra):
                found: list[Sample] = []

                async def looked() -> bool:
                    with contextlib.suppress(EngineDown):
                        found.append(await sampler.look())
                    return bool(found)

                await until(looked)
                assert (found[0].network.received_per_s, found[0].hosts) == (None, 1)

    with tempfile.TemporaryDirectory(prefix="ez-") as folder, running_engine(Path(folder), None, extra) as engine:
        run(story(engine, msgspec.structs.replace(settings, redis_url=f"unix://{engine.address.path}")))


def test_an_engine_that_is_frozen_is_not_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look ends in time, with the words of an engine that does not answer."""
    monkeypatch.setattr(sampler_file, "_LOOK_S", 0.1)

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            yard.kill_engine(signal.SIGSTOP)
            try:
                with pytest.raises(EngineDown, match=r"not answered for 0\.1 s"):
                    await Sampler(yard.client).look()
            finally:
                yard.kill_engine(signal.SIGCONT)

    run(story())


@pytest.mark.skipif(redis_program() is None, reason="no other server is installed")
def test_the_process_of_an_external_engine_is_unknown(settings: Settings, tmp_path: Path) -> None:
    """Its number is true on its own machine only, so it is not looked up on this one, though it would be found."""
    with running_engine(
        tmp_path, redis_program(), ("--maxmemory-policy", "noeviction", "--appendonly", "yes")
    ) as engine:
        away = msgspec.structs.replace(settings, redis_url=f"unix://{engine.address.path}")

        async def story() -> None:
            async with working(away, agent(at_once)) as yard:
                sample = await Sampler(yard.client).look()
                assert Role.ENGINE not in {one.role for one in sample.processes}
                assert sample.unseen == (
                    "engine: it is external, so its processor time and memory as a process are unknown",
                )
                assert sample.engine.used_bytes > 0
                assert sample.network.received_bytes > 0
                assert _keys(sample)["host:"] == 1

        run(story())


def test_an_engine_that_tells_no_sizes_is_told_of_without(settings: Settings, tmp_path: Path) -> None:
    """A user that may not ask MEMORY USAGE still counts keys; the bytes are unknown, with the reason."""
    with running_engine(tmp_path, None, ("--maxmemory-policy", "noeviction", "--appendonly", "yes")) as engine:
        away = msgspec.structs.replace(settings, redis_url=f"unix://lean:x@{engine.address.path}")
        rule = ("ACL", "SETUSER", "lean", "on", ">x", "~*", "&*", "+@all", "-memory|usage")

        async def story() -> None:
            with BlockingConnection(engine.address) as admin:
                admin.call(*rule)
            async with working(away, agent(at_once)) as yard:
                sampler = Sampler(yard.client)
                for _ in range(2):
                    sample = await sampler.look()
                    assert _keys(sample)["host:"] == 1
                    assert {row.bytes for row in sample.engine.by_sort} == {None}
                    assert "may not ask for the size of a key (NOPERM)" in sample.engine.keys_why

        run(story())


def test_containers_stand_beside_processes(settings: Settings, tmp_path: Path) -> None:
    """Where Docker's socket is; what they used between two looks is a share like any other."""
    watched = msgspec.structs.replace(settings, docker_socket=str(tmp_path / "d"))

    async def story() -> None:
        async with docker_daemon(tmp_path / "d") as daemon, working(watched, agent(at_once)) as yard:
            sampler = Sampler(yard.client)
            (before,) = (await sampler.look()).containers
            (name,) = daemon.stats
            daemon.stats[name] = stats(1_600_000_000, usage=1, inactive=0)
            sample = await sampler.look()
            (after,) = sample.containers
            assert (before.cpu_share, after.name) == (None, "ez-host")
            assert after.cpu_share == pytest.approx(0.1 / sample.interval_s)
            daemon.raw = b"nonsense"
            broken = await sampler.look()
            assert broken.containers == ()
            assert broken.unseen[0].startswith("containers: ")

    run(story())
