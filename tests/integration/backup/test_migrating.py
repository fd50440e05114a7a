"""State of an older version is brought up, step by step, after a backup; killed anywhere it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.backup.states import assert_sound, new_run, queue_of, settings_of, specs

from ezaigents.backup import MIGRATIONS, Migration, migrate, restore_backup
from ezaigents.engine import HostLock
from ezaigents.errors import ConfigError
from ezaigents.home import STATE_FILE, STATE_VERSION, stamp_state, state_version
from ezaigents.queue import Queue


async def _make_old(queue: Queue, home: Path) -> None:
    """A state of version 1: with tasks, and without a stamp."""
    run = new_run()
    await queue.submit(specs(run, 3), run=run)
    await queue.put("DEL", queue.keys.state())
    (home / STATE_FILE).unlink()


async def _versions(queue: Queue, home: Path) -> tuple[int, int]:
    return state_version(home), int(await queue.read("GET", queue.keys.state()) or 1)


def test_the_newest_step_leads_to_our_version() -> None:
    """The steps are numbered without a gap, up to the version that the stamp gets."""
    assert [step.to for step in MIGRATIONS] == list(range(2, STATE_VERSION + 1))


def test_an_unstamped_state_is_backed_up_and_stamped(tmp_path: Path) -> None:
    """Version 1 becomes 2 and loses nothing; the backup from before is a state of version 1 that can be restored."""
    home, said = tmp_path / "home", list[str]()

    async def act() -> Path | None:
        async with queue_of(settings_of(home)) as queue:
            await _make_old(queue, home)
            made = await migrate(settings_of(home), queue, say=said.append)
            assert await _versions(queue, home) == (2, 2)
            assert await migrate(settings_of(home), queue) is None
            await assert_sound(queue)
            return made

    made = asyncio.run(act())
    assert made is not None
    assert made.parent == home / "backups"
    assert "brought to version 2" in said[-1]
    restored = restore_backup(settings_of(tmp_path / "there"), made)
    assert restored.tasks == 3
    assert state_version(tmp_path / "there") == 1


def test_a_fresh_state_is_stamped_without_a_backup(tmp_path: Path) -> None:
    """A data folder and a namespace without anything in them are of our version at once."""
    home = tmp_path / "home"

    async def act() -> None:
        async with queue_of(settings_of(home)) as queue:
            assert await migrate(settings_of(home), queue) is None
            assert await _versions(queue, home) == (STATE_VERSION, STATE_VERSION)

    asyncio.run(act())
    assert not (home / "backups").exists()


class _Killed(Exception):
    """Stands for the end of the process at this very point."""


def _steps(killed_at: int, done: list[str]) -> list[Migration]:
    """Steps to 1 and 2, each with both halves; the half with number `killed_at` is cut short after its work."""

    def noting(name: str) -> Callable[[], None]:
        def note() -> None:
            done.append(name)
            if len(done) == killed_at:
                raise _Killed

        return note

    def step(to: int) -> Migration:
        folder, engine = noting(f"folder {to}"), noting(f"engine {to}")

        async def in_engine(queue: Queue) -> None:
            await queue.put("HSET", queue.keys.counters(), "blocked", 0)
            engine()

        return Migration(to, "a test", lambda home: folder(), in_engine)

    return [step(to) for to in (1, 2)]


@pytest.mark.parametrize("killed_at", range(1, 5))
def test_a_migration_that_was_killed_goes_on_where_it_stood(killed_at: int, tmp_path: Path) -> None:
    """Only what was not known to be done is done again, in order, and the end is the same."""
    home, done = tmp_path / "home", list[str]()

    async def act() -> None:
        async with queue_of(settings_of(home)) as queue:
            await _make_old(queue, home)
            await queue.put("SET", queue.keys.state(), "0")
            stamp_state(home, 0)
            with pytest.raises(_Killed):
                await migrate(settings_of(home), queue, steps=_steps(killed_at, done))
            first = list(done)
            await migrate(settings_of(home), queue, steps=_steps(0, done))
            assert await _versions(queue, home) == (2, 2)
            order = [f"{half} {to}" for to in (1, 2) for half in ("folder", "engine")]
            assert done[: len(first)] == order[: len(first)]
            assert done[len(first) :] == order[len(first) - 1 :]

    asyncio.run(act())


def test_a_newer_state_is_refused(tmp_path: Path) -> None:
    """Folder or namespace of a version that is not known: an error that says what to do, and nothing changes."""
    home = tmp_path / "home"

    async def act() -> None:
        async with queue_of(settings_of(home)) as queue:
            await queue.put("SET", queue.keys.state(), "99")
            with pytest.raises(ConfigError, match=r"namespace .* is of version 99"):
                await migrate(settings_of(home), queue)
            await queue.put("SET", queue.keys.state(), "2 restoring")
            with pytest.raises(ConfigError, match="cut short"):
                await migrate(settings_of(home), queue)
            await queue.put("SET", queue.keys.state(), "2")
            stamp_state(home, 99)
            with pytest.raises(ConfigError, match=r"folder .* is of version 99"):
                await migrate(settings_of(home), queue)
            stamp_state(home)

    asyncio.run(act())


def test_a_migration_needs_quiet_and_a_backup(tmp_path: Path) -> None:
    """Beside another host, or where no backup can be made, the state stays as it is."""
    home = tmp_path / "home"

    async def act() -> None:
        async with queue_of(settings_of(home)) as queue:
            await _make_old(queue, home)
            other = HostLock(settings_of(home, name="other"))
            other.acquire()
            with pytest.raises(ConfigError, match="other"):
                await migrate(settings_of(home, name="mine"), queue)
            other.release()
            (home / "backups").write_text("no folder")
            with pytest.raises(ConfigError, match="backups cannot be made"):
                await migrate(settings_of(home), queue)
            assert await _versions(queue, home) == (1, 1)

    asyncio.run(act())
