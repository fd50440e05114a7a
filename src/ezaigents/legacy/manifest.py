"""What of the old system became which task, in a file of the data folder. Job: keep it durably, look it up.

SQLite, because it must answer for hundreds of thousands of entries without holding them in memory, and must be right
after a crash at any moment. It is opened only by `ez legacy`. Not its job: deciding anything.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec

from ezaigents.engine import open_lock, take_lock
from ezaigents.errors import ConfigError
from ezaigents.legacy.entries import OldEntry
from ezaigents.legacy.names import Part

FOLDER = "legacy"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS moved (
  task TEXT PRIMARY KEY, run TEXT NOT NULL, digest BLOB NOT NULL, live INTEGER NOT NULL DEFAULT 1,
  handed_in INTEGER NOT NULL DEFAULT 0, part TEXT NOT NULL, key TEXT NOT NULL, lane TEXT NOT NULL,
  level TEXT NOT NULL, field TEXT NOT NULL, number INTEGER NOT NULL, raw BLOB NOT NULL, name TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS by_digest ON moved (digest) WHERE live = 1;
CREATE INDEX IF NOT EXISTS by_number ON moved (number DESC, task) WHERE live = 1;
CREATE INDEX IF NOT EXISTS by_gone ON moved (digest) WHERE live = 0;
CREATE INDEX IF NOT EXISTS by_name ON moved (name) WHERE name != '';
CREATE INDEX IF NOT EXISTS by_open ON moved (handed_in) WHERE handed_in = 0;
CREATE TABLE IF NOT EXISTS going (
  task TEXT PRIMARY KEY, run TEXT NOT NULL, key TEXT NOT NULL, raw BLOB NOT NULL, how TEXT NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_CACHE_KIB = 4096


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An old entry and the task it became. `name`: within a plan, "" = none."""

    task: str
    run: str
    entry: OldEntry
    name: str = ""


class Going(msgspec.Struct, frozen=True, kw_only=True):
    """A task on its way back. `key`: the queue it goes to, "" = it stands there still. `how`: see rollback."""

    task: str
    run: str
    key: str
    raw: bytes
    how: str


class Manifest:
    """The file `legacy/manifest.sqlite` of a data folder, held by one process at a time: `with Manifest(home) as it`.

    Every method that writes has written durably when it returns. Raises ConfigError when another one holds it.
    """

    def __init__(self, home: Path) -> None:
        self._lock = _lock(home)
        folder = home / FOLDER
        path = folder / "manifest.sqlite"
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.executescript(
                f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -{_CACHE_KIB};{_SCHEMA}"
            )
        except sqlite3.DatabaseError as error:
            os.close(self._lock)
            raise ConfigError(
                f"{path} cannot be read ({error}); restore it from a backup, or remove it: then what was imported is "
                "known only while its tasks are in the engine"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._db.close()
        os.close(self._lock)

    @classmethod
    def look(cls, home: Path) -> Manifest | None:
        """The manifest only to be read, beside whoever works with it; None where nothing was ever moved."""
        path = home / FOLDER / "manifest.sqlite"
        if not path.exists():
            return None
        manifest = cls.__new__(cls)
        manifest._lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        manifest._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        return manifest

    # -- what came over ------------------------------------------------------------------------------------------

    def knows(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of some entries that were imported, or are about to be."""
        marks = ",".join("?" * len(digests))
        rows = self._db.execute(f"SELECT digest FROM moved WHERE live = 1 AND digest IN ({marks})", digests)  # noqa: S608
        return {row[0] for row in rows}

    def times_gone(self, digests: Sequence[bytes]) -> dict[bytes, int]:
        """How often each of some entries was imported before and has gone since; 0 times are left out."""
        marks = ",".join("?" * len(digests))
        where = f"live = 0 AND digest IN ({marks})"
        return dict(self._db.execute(f"SELECT digest, count(*) FROM moved WHERE {where} GROUP BY digest", digests))  # noqa: S608

    def task_named(self, name: str) -> str:
        """The newest task of this name within a plan; "" = none."""
        row = self._db.execute("SELECT max(task) FROM moved WHERE name = ?", (name,)).fetchone()
        return row[0] or ""

    def plan(self, moved: Iterable[Moved], handed_in: Iterable[str] = ()) -> None:
        """Write down which entry is to become which task, before it is handed in; and of others that they were."""
        with self._writing():
            self._confirm(handed_in)
            self._db.executemany(
                "INSERT INTO moved VALUES (?, ?, ?, 1, 0, ?, ?, ?, ?, ?, ?, ?, ?)", [_row(one) for one in moved]
            )

    def handed_in(self, tasks: Iterable[str]) -> None:
        """These are in the queue."""
        with self._writing():
            self._confirm(tasks)

    def unplan(self, tasks: Iterable[str]) -> None:
        """These never came to be."""
        with self._writing():
            self._db.executemany("DELETE FROM moved WHERE task = ?", [(task,) for task in tasks])

    def not_handed_in(self) -> list[Moved]:
        """Those planned by an import that died, 100 at most."""
        return self._moved("WHERE handed_in = 0 ORDER BY task LIMIT 100")

    def live(self, after: str = "", most: int = 100) -> list[Moved]:
        """What was imported and stands in the old server still, by task, behind `after`."""
        return self._moved("WHERE live = 1 AND handed_in = 1 AND task > ? ORDER BY task LIMIT ?", (after, most))

    def to_be_dropped(self, most: int = 100) -> list[Moved]:
        """Some of them that can be taken out of the old server, of equal ones the last first.

        So the first of them keep their numbers, whatever dies in between.
        """
        where = "WHERE live = 1 AND handed_in = 1 AND part != ? ORDER BY number DESC, task LIMIT ?"
        return self._moved(where, (Part.PROJECT.value, most))

    def of_task(self, task: str) -> Moved | None:
        """The entry that became this task."""
        return next(iter(self._moved("WHERE task = ?", (task,))), None)

    def is_live(self, task: str) -> bool:
        """Say whether a task's entry stands in the old server still, as far as we took none out."""
        return self._db.execute("SELECT 1 FROM moved WHERE task = ? AND live = 1", (task,)).fetchone() is not None

    def retire(self, digests: Iterable[bytes]) -> None:
        """These entries are gone from the old server: one with the same bytes is another one from now on."""
        with self._writing():
            self._db.executemany("UPDATE moved SET live = 0 WHERE live = 1 AND digest = ?", [(d,) for d in digests])

    # -- what goes back ------------------------------------------------------------------------------------------

    def plan_going(self, going: Iterable[Going]) -> None:
        """Write down which tasks are to go back; one that is planned already stays as it was."""
        with self._writing():
            self._db.executemany(
                "INSERT OR IGNORE INTO going VALUES (?, ?, ?, ?, ?)",
                [(one.task, one.run, one.key, one.raw, one.how) for one in going],
            )

    def going(self, after: str = "", most: int = 100) -> list[Going]:
        """Those still on their way, by task: the oldest first."""
        rows = self._db.execute("SELECT * FROM going WHERE task > ? ORDER BY task LIMIT ?", (after, most))
        return [Going(task=task, run=run, key=key, raw=raw, how=how) for task, run, key, raw, how in rows]

    def is_going(self, task: str) -> bool:
        """Say whether a task is on its way back."""
        return self._db.execute("SELECT 1 FROM going WHERE task = ?", (task,)).fetchone() is not None

    def check_not_going(self) -> None:
        """Raise ConfigError while a rollback is not at its end: what it ended here must not be taken for failed."""
        if self.going(most=1):
            raise ConfigError("a rollback was not brought to its end; run `ez legacy rollback --yes` first")

    def gone(self, tasks: Sequence[str], *, returned: bool) -> None:
        """These have arrived; or (`returned` False) came to their end here first. An entry put back is a new one."""
        with self._writing():
            rows = [(task,) for task in tasks]
            self._db.executemany("DELETE FROM going WHERE task = ?", rows)
            if returned:
                self._db.executemany("UPDATE moved SET live = 0 WHERE task = ?", rows)

    # -- rows ----------------------------------------------------------------------------------------------------

    def _moved(self, where: str, args: Sequence[object] = ()) -> list[Moved]:
        names = "task, run, name, part, key, lane, level, field, number, raw"
        rows = self._db.execute(f"SELECT {names} FROM moved {where}", args)  # noqa: S608 - words of ours
        return [_moved_from(row) for row in rows]

    def _confirm(self, tasks: Iterable[str]) -> None:
        self._db.executemany("UPDATE moved SET handed_in = 1 WHERE task = ?", [(task,) for task in tasks])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


@contextmanager
def hold_moving(home: Path) -> Iterator[None]:
    """Be the only `ez legacy` on this data folder for a while, to take tasks over.

    Raises ConfigError when another one is, and when a rollback was not brought to its end.
    """
    with Manifest(home) as manifest:
        manifest.check_not_going()
        yield


def _lock(home: Path) -> int:
    folder = home / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}; mend it or set EZ_HOME") from error
    descriptor = open_lock(folder / "lock")
    if not take_lock(descriptor, 0.0):
        os.close(descriptor)
        raise ConfigError(
            f"another `ez legacy` works on {home}: an import, a bridge or a rollback; wait for it, or stop it"
        )
    return descriptor


def _row(one: Moved) -> tuple[object, ...]:
    entry = one.entry
    return (
        one.task, one.run, entry.digest, entry.part.value, _kept(entry.key), _kept(entry.lane), entry.level,
        _kept(entry.field), entry.number, entry.raw, one.name,
    )  # fmt: skip


def _moved_from(row: Sequence[object]) -> Moved:
    task, run, name, part, key, lane, level, field, number, raw = row
    entry = OldEntry(
        part=Part(str(part)),
        key=_as_was(key),
        lane=_as_was(lane),
        level=str(level),
        field=_as_was(field),
        number=int(str(number)),
        raw=bytes(raw),  # type: ignore[call-overload]
    )
    return Moved(task=str(task), run=str(run), name=str(name), entry=entry)


def _kept(name: str) -> bytes:
    """A key may be any bytes."""
    return name.encode("utf-8", "surrogateescape")


def _as_was(kept: object) -> str:
    assert isinstance(kept, bytes)
    return kept.decode("utf-8", "surrogateescape")
