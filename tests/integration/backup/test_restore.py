"""Restoring: into nothing else than an empty folder, whole or not at all, and what was at work is safe."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.backup.disturbed import disturbed, inhabit
from tests.integration.backup.states import assert_sound, new_run, queue_of, settings_of, specs
from tests.unit.backup.archives import archive_at

from ezaigents.backup import Damaged, TooNew, make_backup, restore_backup
from ezaigents.budget import Budget
from ezaigents.codec import to_pack
from ezaigents.engine import begin, find_orphan, stop_orphan
from ezaigents.errors import ConfigError, GiveUp, LimitReached
from ezaigents.home import RESTORED, RESTORING, STATE_FILE, home_id, open_home, stamp_state, state_version
from ezaigents.queue import Held, Keys, Queue
from ezaigents.records import Result, TaskState

_PROGRAM = """
import os, signal, sys
from pathlib import Path
from tests.integration.backup.disturbed import disturbed, inhabit
from tests.integration.backup.states import settings_of
from ezaigents.backup import restore_backup
calls = 0
def progress(what, done):
    global calls
    calls += 1
    if what == sys.argv[3] and calls >= int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
restore_backup(settings_of(Path(sys.argv[1])), Path(sys.argv[2]), progress=progress)
"""


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup with a ready task, a leased one, one that is to be cancelled, a done one, money on hold and a host."""
    home = tmp_path_factory.mktemp("made") / "home"
    asyncio.run(_fill(home))
    return Path(make_backup(settings_of(home), home.parent / "b.tar").file)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Path]:
    """A data folder to restore into; no engine is left on it, nor on what lies aside in it."""
    home = tmp_path / "there"
    yield home
    left = [stop_orphan(settings_of(folder)) for folder in (home, home / RESTORING / "data")]
    assert left == [False, False]


async def _fill(home: Path) -> None:
    async with queue_of(settings_of(home)) as queue:
        run = new_run()
        await queue.submit(specs(run, 4, key="k"), run=run)
        claims = await queue.claim("n1", "h1", 60_000, [("null@p", 3)])
        await queue.finish([(Held(claims[0].id, claims[0].fence), Result(summary="well"))])
        await queue.cancel([claims[2].id])
        await queue.put("ZADD", queue.keys.hosts(), 1, "h1")
        await queue.put("HSET", queue.keys.host("h1"), "card", "{}")
        await queue.put("PEXPIRE", queue.keys.host("h1"), 3_000_000)
        (home / "tasks" / claims[0].id).mkdir(parents=True)
        (home / "tasks" / claims[0].id / "x").write_bytes(b"x" * 3000)


async def _states(home: Path) -> dict[TaskState, int]:
    async with queue_of(settings_of(home)) as queue:
        await assert_sound(queue, home)
        counts = await queue.counts()
        return {state: counts[state] for state in TaskState if counts[state]}


def _restored(home: Path) -> dict[TaskState, int]:
    return asyncio.run(_states(home))


_WHOLE = {TaskState.READY: 2, TaskState.DONE: 1, TaskState.CANCELLED: 1}


def test_what_was_at_work_is_ready_again_and_nobody_is_to_blame(backup: Path, there: Path) -> None:
    """Claims of a life that is over are handed back: no attempt, no crash, no host; a cancel is carried out."""
    restored = restore_backup(settings_of(there), backup)
    assert (restored.tasks, restored.released) == (4, 2)
    assert _restored(there) == _WHOLE

    async def look() -> None:
        async with queue_of(settings_of(there)) as queue:
            assert not await queue.read("EXISTS", queue.keys.host("h1"), queue.keys.hosts(), queue.keys.claim("h1"))
            before = int(await queue.read("GET", queue.keys.fence()))
            (claim, *_) = await queue.claim("n2", "h2", 60_000, [("null@p", 2)])
            assert claim.fence > before
            assert (claim.attempt, claim.crashes) == (1, 0)

    asyncio.run(look())
    assert there.stat().st_mode & 0o777 == 0o700
    assert home_id(there)


def test_a_restore_never_overwrites(backup: Path, there: Path) -> None:
    """A folder with anything in it is refused, untouched: a stranger's file, a restored state, a running engine's."""
    there.mkdir()
    (there / "mine").write_text("mine")
    with pytest.raises(ConfigError, match=r"not empty \(mine\)"):
        restore_backup(settings_of(there), backup)
    assert [path.name for path in there.iterdir()] == ["mine"]
    (there / "mine").unlink()
    restore_backup(settings_of(there), backup)
    engine = begin(settings_of(there)).ready()
    try:
        with pytest.raises(ConfigError, match="never overwrites"):
            restore_backup(settings_of(there), backup)
    finally:
        engine.leave()
    assert _restored(there) == _WHOLE


def test_a_new_disk_is_empty(backup: Path, there: Path) -> None:
    """What a file system makes at its top is in nobody's way, unless something lies in it."""
    (there / "lost+found").mkdir(parents=True)
    (there / "lost+found" / "#12").touch()
    with pytest.raises(ConfigError, match=r"not empty \(lost\+found\)"):
        restore_backup(settings_of(there), backup)
    (there / "lost+found" / "#12").unlink()
    restore_backup(settings_of(there), backup)
    assert _restored(there) == _WHOLE
    assert list((there / "lost+found").iterdir()) == []


@pytest.mark.parametrize(("what", "call"), [("verified", 1), ("verified", 4), ("restored", 7), ("restored", 10)])
def test_killed_while_it_reads_or_writes_it_leaves_nothing_or_says_so(
    what: str, call: int, backup: Path, there: Path
) -> None:
    """Killed before the last rename, nothing can use the folder, and the same command makes it whole."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(there), str(backup), what, str(call)], check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    if there.exists():
        with pytest.raises(ConfigError, match="cut short; type `ez restore FILE`"):
            open_home(there)
    restore_backup(settings_of(there), backup)
    assert _restored(there) == _WHOLE


def test_killed_with_its_engine_at_work_it_begins_anew(backup: Path, there: Path) -> None:
    """An engine that a killed restore has left on what lies aside is stopped by the next."""
    staged = there / RESTORING / "data"
    staged.mkdir(parents=True)
    engine = begin(settings_of(staged)).ready()
    assert find_orphan(settings_of(staged)) == engine.pid
    restore_backup(settings_of(there), backup)
    assert not Path(f"/proc/{engine.pid}").exists()
    assert _restored(there) == _WHOLE
    assert not (there / RESTORING).exists()


@pytest.mark.parametrize(
    ("event", "end"),
    [
        ("os.link", "data/id"),
        ("os.rename", "data/tasks"),
        ("os.rename", "data/appendonlydir"),
        ("os.rename", RESTORING),
    ],
)
def test_killed_between_two_moves_it_begins_anew(event: str, end: str, backup: Path, there: Path) -> None:
    """With some of it in its place, nothing can use the folder, and the same command makes it whole."""
    disturbed("kill", event, end, 1, there, backup)
    with pytest.raises(ConfigError, match="cut short"):
        open_home(there)
    restore_backup(settings_of(there), backup)
    assert _restored(there) == _WHOLE


def test_killed_after_its_end_it_leaves_no_password(backup: Path, there: Path) -> None:
    """What a restore had no time to throw away is gone when the folder is opened, or restored into."""
    disturbed("kill", "shutil.rmtree", RESTORED, 1, there, backup)
    assert list((there / RESTORED).rglob("engine.password"))
    assert _restored(there) == _WHOLE
    assert not (there / RESTORED).exists()


def test_what_a_former_restore_left_is_not_in_the_way(backup: Path, there: Path) -> None:
    """A folder with nothing but that is as good as empty."""
    (there / RESTORED / "data").mkdir(parents=True)
    restore_backup(settings_of(there), backup)
    assert not (there / RESTORED).exists()
    assert _restored(there) == _WHOLE


def test_what_came_to_a_half_restored_folder_is_left_alone(backup: Path, there: Path) -> None:
    """The next restore takes back what the killed one placed, and refuses a stranger's file under a name of ours."""
    disturbed("kill", "os.rename", "appendonlydir", 1, there, backup)
    (there / "tasks").rename(there / "mine")
    (there / "tasks").mkdir()
    with pytest.raises(ConfigError, match=r"not empty \(mine, tasks\)"):
        restore_backup(settings_of(there), backup)
    assert sorted(path.name for path in there.iterdir()) == [".restoring", "id", "mine", "state", "tasks"]


def _is_as_inhabited(home: Path) -> bool:
    names = sorted(path.relative_to(home).as_posix() for path in home.rglob("*"))
    return names == ["id", "tasks", "tasks/t", "tasks/t/x"] and home_id(home) == "ba9876543210"


def test_who_came_during_a_restore_loses_nothing(backup: Path, there: Path) -> None:
    """A fleet that began on the folder before anything was placed keeps all of it, and can use it."""

    def inhabited(what: str, _done: int) -> None:
        if what == "restored" and not (there / "id").exists():
            inhabit(there)

    with pytest.raises(ConfigError, match=r"not empty \(id, tasks\)"):
        restore_backup(settings_of(there), backup, progress=inhabited)
    assert _is_as_inhabited(there)


def test_a_restore_that_came_second_leaves_the_first_alone(backup: Path, there: Path) -> None:
    """One that looked at an empty folder, and got its lock when another restore had just ended, ends too."""
    done = disturbed("inhabit", "fcntl.flock", f"{RESTORING}/lock", 1, there, backup)
    assert "RetryLater: another restore" in done.stderr
    assert _is_as_inhabited(there)


def test_the_folder_is_looked_at_again_under_the_lock(backup: Path, there: Path) -> None:
    """What somebody put there between the first look and the lock is seen, and the folder can be used."""
    done = disturbed("inhabit", "os.mkdir", RESTORING, 1, there, backup)
    assert "ConfigError" in done.stderr
    assert _is_as_inhabited(there)


@pytest.mark.parametrize(("event", "end"), [("os.link", "data/state"), ("os.rename", RESTORING)])
def test_a_disk_that_is_full_at_the_end_is_said(event: str, end: str, backup: Path, there: Path) -> None:
    """An error of the system while entries are moved is one of ours, and nothing is left."""
    assert "NoRoom" in disturbed("fail", event, end, 1, there, backup).stderr
    assert not there.exists()


def test_a_damaged_backup_writes_nothing(backup: Path, there: Path, tmp_path: Path) -> None:
    """One bit in the engine's log, and not even the folder is made."""
    altered = bytearray(backup.read_bytes())
    altered[altered.index(b"ez:") + 1] ^= 1
    (tmp_path / "x.tar").write_bytes(altered)
    with pytest.raises(Damaged):
        restore_backup(settings_of(there), tmp_path / "x.tar")
    assert not there.exists()


def test_a_state_that_the_engine_cannot_read_leaves_nothing(there: Path, tmp_path: Path) -> None:
    """A log that no engine here loads is refused by the engine before anything is put in place."""
    log = {
        "engine/appendonly.aof.1.base.rdb": b"REDIS9999nonsense",
        "engine/appendonly.aof.1.incr.aof": b"",
        "engine/appendonly.aof.manifest": b"file appendonly.aof.1.base.rdb seq 1 type b\n"
        b"file appendonly.aof.1.incr.aof seq 1 type i\n",
        "id": b"0123456789ab\n",
    }
    path = archive_at(tmp_path / "b.tar", log, engine="log", namespace="0123456789ab", engine_version="valkey 99.0")
    with pytest.raises(GiveUp, match=r"cannot read the state in this backup, written by valkey 99\.0"):
        restore_backup(settings_of(there), path)
    assert not there.exists()


@pytest.mark.parametrize(
    "forged",
    [
        b"\x93\x01\x02",
        b"\x91" * 100_000,
        to_pack([("paused", "hash", 0, {b"a": 1})]),
        to_pack([("paused", "nosuch", 0, [b"a", b"b"])]),
        to_pack([("paused", "hash", 0, [b"a"])]),
        to_pack([("paused", "hash", 0, [b"a", None])]),
        to_pack([("paused", "hash", 2**63 + 5, [b"a", b"b"])]),
        to_pack([("recent:x", "stream", 0, [b"a"])]),
        to_pack([("recent:x", "stream", 0, 7)]),
        to_pack([("recent:x", "zset", 0, [b"a", b"b"])]),
        to_pack([("n", "hash", 0, [b"a"])]),
        to_pack([("n", "hash", 0, [b"purged", b"many"])]),
        to_pack([("t:a", "string", 0, b"x")]),
        to_pack([("run:r", "list", 0, [b"x"])]),
    ],
)
def test_records_that_make_no_sense_are_damage(forged: bytes, there: Path, tmp_path: Path) -> None:
    """Whatever somebody wrote into the engine's records, the file is said to be damaged, and nothing is left."""
    path = archive_at(tmp_path / "b.tar", {"id": b"0123456789ab\n", "engine/keys.0": forged}, engine="keys")
    with pytest.raises(Damaged):
        restore_backup(settings_of(there), path)
    assert not there.exists()


def test_a_newer_state_is_refused_and_an_older_one_is_not(there: Path, tmp_path: Path) -> None:
    """What a newer program keeps is named with the way out; what an older one kept is restored as it was."""
    with pytest.raises(TooNew, match=r"of version 99, and this ezaigents knows up to"):
        restore_backup(settings_of(there), archive_at(tmp_path / "new.tar", state=99))
    assert not there.exists()
    restore_backup(settings_of(there), archive_at(tmp_path / "old.tar", state=1))
    assert state_version(there) == 1


@pytest.mark.parametrize(
    ("inside", "said"), [(b"ffffffffffff\n", "0123456789ab"), (b"../../x\n", "../../x"), (None, "")]
)
def test_an_id_that_is_none_or_another_is_refused(inside: bytes | None, said: str, there: Path, tmp_path: Path) -> None:
    """Keys and lanes are named after the id, so a forged backup cannot bring any text for it."""
    contents = {} if inside is None else {"id": inside}
    path = archive_at(tmp_path / "b.tar", contents, id=said or "0123456789ab")
    with pytest.raises(Damaged, match="id"):
        restore_backup(settings_of(there), path)
    assert not there.exists()


def test_another_namespace_is_refused(backup: Path, there: Path) -> None:
    """Tasks that would be restored where nobody sees them are not; the setting to change is named."""
    with pytest.raises(ConfigError, match="set EZ_NAMESPACE="):
        restore_backup(settings_of(there, namespace="other"), backup)
    assert not there.exists()


def test_a_full_disk_is_said_and_leaves_nothing(backup: Path, there: Path) -> None:
    """Where a file cannot be written whole, the error says so and the folder is as it was."""
    program = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n{_PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-c", program, str(there), str(backup), "never", "0"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "NoRoom" in done.stderr
    assert not there.exists()


def test_a_newer_or_damaged_data_folder_is_neither_used_nor_backed_up(tmp_path: Path) -> None:
    """A stamp from the future, or none that can be read, is an error with a way out."""
    home = tmp_path / "home"
    open_home(home)
    stamp_state(home, 99)
    for act in (open_home, lambda home: make_backup(settings_of(home))):
        with pytest.raises(ConfigError, match="of version 99"):
            act(home)
    (home / STATE_FILE).write_text("two")
    with pytest.raises(ConfigError, match="should hold a whole number"):
        open_home(home)


def test_without_its_engine_a_backup_is_as_whole(tmp_path: Path, there: Path) -> None:
    """A data folder at rest is backed up from its files."""
    home = tmp_path / "home"
    asyncio.run(_fill(home))
    assert find_orphan(settings_of(home)) is None
    made = make_backup(settings_of(home))
    assert Path(made.file).parent == home / "backups"
    restore_backup(settings_of(there), Path(made.file))
    assert _restored(there) == _WHOLE


def test_nothing_to_back_up(tmp_path: Path) -> None:
    """No data folder, and one that a restore has not finished, are said to be so."""
    with pytest.raises(ConfigError, match="nothing to back up"):
        make_backup(settings_of(tmp_path / "none"))
    open_home(tmp_path / "home")
    (tmp_path / "home" / RESTORING).mkdir()
    with pytest.raises(ConfigError, match="cut short"):
        make_backup(settings_of(tmp_path / "home"))


def test_no_secret_is_in_a_backup(tmp_path: Path) -> None:
    """None of the words in the files that give access is anywhere in it."""
    home = tmp_path / "home"
    asyncio.run(_fill(home))
    (home / "access").mkdir()
    (home / "access" / "0").write_text("canary-grant")
    (home / "token").write_text("canary-token")
    data = Path(make_backup(settings_of(home), tmp_path / "b.tar").file).read_bytes()
    password = (home / "engine.password").read_text().strip()
    assert os.fsencode(password) not in data
    assert b"canary" not in data
    assert b"do" in data


def test_holds_survive_and_end_as_spent(tmp_path: Path, there: Path) -> None:
    """Money that was set aside when the backup was made is still set aside after the restore."""
    home = tmp_path / "home"

    async def fill() -> None:
        async with queue_of(settings_of(home)) as queue:
            await _hold(queue)

    asyncio.run(fill())
    restore_backup(settings_of(there), Path(make_backup(settings_of(home), tmp_path / "b.tar").file))

    async def look() -> None:
        async with queue_of(settings_of(there)) as queue:
            await assert_sound(queue)
            (state,) = await Budget(queue, there).scopes(["all"])
            assert state.reserved == 700

    asyncio.run(look())


async def _hold(queue: Queue) -> None:
    keys: Keys = queue.keys
    await queue.put("HSET", keys.hold("x:1:1:1"), "amount", "700", "scopes", "all", "until", "9999999999999")
    await queue.put("ZADD", keys.holds(), 9999999999999, "x:1:1:1")
    await queue.put("HSET", keys.budget("all"), "limit", "1000", "spent", "0", "reserved", "700")
    await queue.put("ZADD", keys.budgets(), 1, "all")


def test_little_room_is_refused_before_anything_is_written(backup: Path, tmp_path: Path) -> None:
    """A disk that cannot hold it is said to be too small at once (needs to be root, for a disk of its own)."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("no disk can be mounted here")
    try:
        with pytest.raises(LimitReached, match="are free"):
            restore_backup(settings_of(disk / "home"), backup)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
