"""An engine of the user's own: its namespace is read key by key while it works, and rebuilt elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import Engine, redis_program, running_engine
from tests.integration.backup.disturbed import disturbed
from tests.integration.backup.states import assert_sound, new_run, queue_of, settings_of, specs

from ezaigents.backup import make_backup, restore_backup
from ezaigents.backup.enginekeys import records_of
from ezaigents.engine import Connection, begin
from ezaigents.errors import ConfigError, EngineDown
from ezaigents.home import RESTORED, RESTORING, STATE_VERSION, open_home
from ezaigents.queue import Held, Keys, Queue, engine_version
from ezaigents.queue.fsck import scan
from ezaigents.records import Result, TaskState
from ezaigents.settings import Settings


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Engine]:
    """An external engine, Redis where there is one."""
    (tmp_path / "redis").mkdir()
    with running_engine(tmp_path / "redis", redis_program()) as engine:
        yield engine


def _outside(redis: Engine, home: Path, **flags: object) -> Settings:
    return settings_of(home, redis_url=f"unix://{redis.address.path}", **flags)


async def _fill(queue: Queue) -> None:
    """A family of which the children wait, one at work, one done, a key, a message and a pause."""
    run = new_run()
    parents = specs(run, 2, key="p")
    children = specs(run, 2, key="c", parents=tuple(spec.id for spec in parents))
    await queue.submit([*parents, *children], run=run)
    first, _second = await queue.claim("n1", "h1", 60_000, [("null@p", 2)])
    await queue.finish([(Held(first.id, first.fence), Result(summary="well", cost_microusd=12))])
    await queue.promote()
    await queue.put("XADD", queue.keys.mailbox("a"), "5-1", "s", "b", "d", "\xff words")
    await queue.put("PEXPIRE", queue.keys.mailbox("a"), 3_000_000)
    await queue.pause(["null"])


async def _finish_all(queue: Queue) -> list[TaskState]:
    """Work until nothing is left; what became of all tasks."""
    await assert_sound(queue)
    assert await queue.paused()
    assert await queue.read("XLEN", queue.keys.mailbox("a")) == 1
    assert await queue.read("PTTL", queue.keys.mailbox("a")) > 0
    await queue.resume()
    number = 0
    while claims := await queue.claim(f"m{number}", "h2", 60_000, [("null@p", 9)]):
        assert all(claim.crashes == 0 and claim.attempt == 1 for claim in claims)
        await queue.finish([(Held(claim.id, claim.fence), Result()) for claim in claims])
        await queue.promote()
        number += 1
    await assert_sound(queue)
    counts = await queue.counts()
    return [state for state in TaskState for _ in range(counts[state])]


def _all_are_done(settings: Settings) -> bool:
    async def work() -> bool:
        async with queue_of(settings) as queue:
            assert await engine_version(queue) == STATE_VERSION
            return await _finish_all(queue) == [TaskState.DONE] * 4

    return asyncio.run(work())


def _made(settings: Settings, target: Path) -> Path:
    async def fill() -> None:
        open_home(settings.home_path)
        async with queue_of(settings) as queue:
            await _fill(queue)

    asyncio.run(fill())
    return Path(make_backup(settings, target).file)


@pytest.mark.parametrize(("source", "target"), [("out", "out"), ("out", "in"), ("in", "out")])
def test_a_state_comes_whole_from_one_kind_of_engine_to_another(
    source: str, target: str, redis: Engine, tmp_path: Path
) -> None:
    """Embedded or external: children wait for what was at work, it is done once, and a message comes along."""
    here = _outside(redis, tmp_path / "here") if source == "out" else settings_of(tmp_path / "here")
    path = _made(here, tmp_path / "b.tar")
    there = (
        _outside(redis, tmp_path / "there", namespace="other") if target == "out" else settings_of(tmp_path / "there")
    )
    restored = restore_backup(there, path)
    assert (restored.tasks, restored.notes) == (4, ())
    assert _all_are_done(there)


def test_a_namespace_that_holds_keys_is_refused(redis: Engine, tmp_path: Path) -> None:
    """Restored beside the original on the same engine it would mix with it; the folder stays as it was."""
    path = _made(_outside(redis, tmp_path / "here"), tmp_path / "b.tar")
    with pytest.raises(ConfigError, match="EZ_NAMESPACE"):
        restore_backup(_outside(redis, tmp_path / "there"), path)
    assert not (tmp_path / "there").exists()

    async def look() -> None:
        async with queue_of(_outside(redis, tmp_path / "here")) as queue:
            await assert_sound(queue)
            assert (await queue.counts())[TaskState.LEASED] == 1

    asyncio.run(look())


def _keys_of(settings: Settings) -> set[str]:
    """What the namespace `other` holds."""

    async def look() -> set[str]:
        async with Connection(begin(settings).ready().address) as connection:
            queue = Queue(connection, Keys("other"))
            found = {key.decode().split(":", 2)[-1] async for keys in scan(queue) for key in keys}
            await queue.close()
            return found

    return asyncio.run(look())


@pytest.mark.parametrize(("event", "end"), [("os.link", "data/id"), ("os.link", "data/state")])
def test_a_namespace_half_restored_is_begun_anew(event: str, end: str, redis: Engine, tmp_path: Path) -> None:
    """Killed when the engine has all and the folder nothing or some, no host starts; begun again it is made whole."""
    path = _made(settings_of(tmp_path / "here"), tmp_path / "b.tar")
    there = _outside(redis, tmp_path / "there", namespace="other")
    outside = ("other", there.redis_url)
    disturbed("kill", event, end, 1, tmp_path / "there", path, *outside)
    open_home(tmp_path / "x")

    async def start() -> None:
        async with queue_of(_outside(redis, tmp_path / "x", namespace="other")) as queue:
            await engine_version(queue)

    with pytest.raises(ConfigError, match="is being restored, or that was cut short"):
        asyncio.run(start())
    restore_backup(there, path)
    assert _all_are_done(there)


def test_a_restore_killed_at_its_very_end_is_begun_anew(redis: Engine, tmp_path: Path) -> None:
    """Where the engine says already that all is in place and the folder does not, the same command makes it whole."""
    path = _made(settings_of(tmp_path / "here"), tmp_path / "b.tar")
    there = _outside(redis, tmp_path / "there", namespace="other")
    disturbed("kill", "os.rename", RESTORING, 1, tmp_path / "there", path, "other", there.redis_url)
    with pytest.raises(ConfigError, match="cut short"):
        open_home(tmp_path / "there")
    restore_backup(there, path)
    assert _all_are_done(there)


def test_a_restore_from_another_folder_is_left_alone(redis: Engine, tmp_path: Path) -> None:
    """Keys that another data folder's restore has loaded are not taken away, and the way out is named."""
    path = _made(settings_of(tmp_path / "here"), tmp_path / "b.tar")
    there = _outside(redis, tmp_path / "there", namespace="other")
    disturbed("kill", "os.link", "data/id", 1, tmp_path / "there", path, "other", there.redis_url)
    with pytest.raises(ConfigError, match=r"from another data folder .* \(same EZ_HOME\)"):
        restore_backup(_outside(redis, tmp_path / "second", namespace="other"), path)
    assert not (tmp_path / "second").exists()
    assert len(_keys_of(there)) > 5
    restore_backup(there, path)
    assert _all_are_done(there)


@pytest.mark.parametrize(("event", "end"), [("os.link", "data/id"), ("os.rename", RESTORING)])
def test_a_placing_that_fails_leaves_no_key(event: str, end: str, redis: Engine, tmp_path: Path) -> None:
    """Where the files cannot be placed, the namespace is empty again, and nothing can start on half of a state."""
    path = _made(settings_of(tmp_path / "here"), tmp_path / "b.tar")
    there = _outside(redis, tmp_path / "there", namespace="other")
    done = disturbed("fail", event, end, 1, tmp_path / "there", path, "other", there.redis_url)
    assert "NoRoom" in done.stderr
    assert not (tmp_path / "there").exists()
    assert _keys_of(there) == set()


def test_what_fails_after_the_last_rename_takes_nothing_back(redis: Engine, tmp_path: Path) -> None:
    """From then on the state is whole, in the folder and in the engine, and so it stays."""
    path = _made(settings_of(tmp_path / "here"), tmp_path / "b.tar")
    there = _outside(redis, tmp_path / "there", namespace="other")
    disturbed("fail", "shutil.rmtree", RESTORED, 1, tmp_path / "there", path, "other", there.redis_url)
    assert open_home(tmp_path / "there") == open_home(tmp_path / "here")
    assert not (tmp_path / "there" / RESTORED).exists()
    assert _all_are_done(there)


def test_an_engine_that_ends_meanwhile_leaves_a_folder_that_says_so(redis: Engine, tmp_path: Path) -> None:
    """Keys that could not be taken away may still be there, so nothing starts until the restore was repeated."""
    path = _made(settings_of(tmp_path / "here"), tmp_path / "b.tar")
    there = _outside(redis, tmp_path / "there", namespace="other")
    disturbed(f"end-{redis.pid}", "os.link", "data/id", 1, tmp_path / "there", path, "other", there.redis_url)
    with pytest.raises(ConfigError, match="cut short"):
        open_home(tmp_path / "there")
    assert [entry.name for entry in (tmp_path / "there").iterdir()] == [RESTORING]


def test_a_task_that_comes_meanwhile_brings_its_run_and_its_parents(tmp_path: Path) -> None:
    """Whatever of fifty families a scan meets that was under way when they came, each task is there with its own."""

    async def read() -> set[str]:
        names, wanted = set[str](), set[str]()
        async with queue_of(settings_of(tmp_path / "here")) as queue:
            run = new_run()
            await queue.submit(specs(run, 3000), run=run)
            batches = 0
            async for records in records_of(queue):
                batches += 1
                for name, _, _, content in records:
                    names.add(name)
                    if name.startswith("t:"):
                        fields = dict(zip(content[::2], content[1::2], strict=True))
                        wanted.add(f"run:{fields[b'run'].decode()}")
                        wanted |= {f"t:{parent.decode()}" for parent in fields.get(b"parents", b"").split()}
                for _ in range(50 if batches == 2 else 0):
                    run = new_run()
                    parents = specs(run, 1)
                    await queue.submit([*parents, *specs(run, 1, parents=(parents[0].id,))], run=run)
            assert batches > 4
        return wanted - names

    assert asyncio.run(read()) == set()


def test_an_engine_that_is_down_is_said_to_be(tmp_path: Path) -> None:
    """An external engine that does not answer: no backup, nothing left."""
    settings = settings_of(tmp_path / "here", redis_url=f"unix://{tmp_path}/nobody")
    open_home(tmp_path / "here")
    with pytest.raises(EngineDown):
        make_backup(settings, tmp_path / "b.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_read_while_tasks_are_accepted_and_done(redis: Engine, tmp_path: Path) -> None:
    """All that was accepted before the reading began is there, and all that is there can be brought to its end."""
    settings = _outside(redis, tmp_path / "here")
    open_home(tmp_path / "here")

    async def load() -> set[str]:
        async with queue_of(settings) as queue:
            accepted, stop = set[str](), asyncio.Event()

            async def submit() -> None:
                while not stop.is_set():
                    run = new_run()
                    parents = specs(run, 4)
                    family = [*parents, *specs(run, 1, parents=tuple(spec.id for spec in parents))]
                    await queue.submit(family, run=run)
                    accepted.update(spec.id for spec in family)
                    await asyncio.sleep(0)

            async def work() -> None:
                number = 0
                while not stop.is_set():
                    claims = await queue.claim(f"n{(number := number + 1)}", "h1", 60_000, [("null@p", 4)])
                    await queue.finish([(Held(claim.id, claim.fence), Result()) for claim in claims])
                    await queue.promote()
                    await asyncio.sleep(0)

            running = [asyncio.create_task(submit()), asyncio.create_task(work())]
            while len(accepted) < 1500:
                await asyncio.sleep(0.01)
            before = set(accepted)
            await asyncio.to_thread(make_backup, settings, tmp_path / "b.tar")
            stop.set()
            await asyncio.gather(*running)
            assert len(accepted) > len(before)
            return before

    async def look(before: set[str]) -> None:
        async with queue_of(settings_of(tmp_path / "there")) as queue:
            await assert_sound(queue)
            assert {task.id for task in await queue.tasks(sorted(before))} == before
            counts = await queue.counts()
            assert counts["accepted"] == sum(counts[state] for state in TaskState)
            assert int(await queue.read("HGET", queue.keys.counters(), "lost") or 0) == 0

    before = asyncio.run(load())
    restored = restore_backup(settings_of(tmp_path / "there"), tmp_path / "b.tar")
    assert restored.notes == ()
    asyncio.run(look(before))
