"""What one look at the old server has to keep in mind. Job: keep it on the disk, in bounded memory, for one process.

A temporary database of SQLite: it is gone when it is closed. Not its job: what outlives a process (manifest).
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Self

from ezaigents.legacy.names import KeyClass, Part, class_of

_SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096; PRAGMA temp_store = FILE;
CREATE TABLE keys (name BLOB PRIMARY KEY, part TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX by_part ON keys (part, name);
CREATE TABLE seen (what BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE waiting (at INTEGER PRIMARY KEY, plan TEXT NOT NULL, place INTEGER NOT NULL);
CREATE INDEX by_plan ON waiting (plan);
"""
_BATCH = 500


class Scratch:
    """Keys by what they hold, and how often something was seen: `with Scratch() as scratch`."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._db.close()

    def add_key(self, name: bytes, part: Part) -> bool:
        """Keep a key's name; False = it was there (SCAN may show a key twice)."""
        return self._db.execute("INSERT OR IGNORE INTO keys VALUES (?, ?)", (name, part.value)).rowcount == 1

    def keys_of(self, part: Part) -> Iterator[tuple[str, KeyClass]]:
        """The keys that hold this, by name."""
        after = b""
        while True:
            rows = self._db.execute(
                "SELECT name FROM keys WHERE part = ? AND name > ? ORDER BY name LIMIT ?", (part.value, after, _BATCH)
            ).fetchall()
            for (name,) in rows:
                key = name.decode("utf-8", "surrogateescape")
                yield key, class_of(key)
            if len(rows) < _BATCH:
                return
            after = rows[-1][0]

    def times(self, *what: str | bytes) -> int:
        """Count that this was seen once more; returns how often it was by now."""
        row = self._db.execute(
            "INSERT INTO seen VALUES (?, 1) ON CONFLICT (what) DO UPDATE SET times = times + 1 RETURNING times",
            (_sum(what),),
        ).fetchone()
        return int(row[0])

    def was_seen(self, *what: str | bytes) -> int:
        """How often this was seen."""
        row = self._db.execute("SELECT times FROM seen WHERE what = ?", (_sum(what),)).fetchone()
        return int(row[0]) if row else 0

    def forget_once(self, *what: str | bytes) -> bool:
        """Take back one time; False = it was not seen (any more)."""
        return (
            self._db.execute("UPDATE seen SET times = times - 1 WHERE what = ? AND times > 0", (_sum(what),)).rowcount
            == 1
        )

    def wait(self, plan: str, place: int) -> None:
        """Keep for later a task of a plan that needs others of it; `place`: where it stands in the backup."""
        self._db.execute("INSERT INTO waiting (plan, place) VALUES (?, ?)", (plan, place))

    def waiting_plans(self) -> Iterable[str]:
        """The plans of which tasks wait."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT plan FROM waiting ORDER BY plan")]

    def waiting_in(self, plan: str) -> list[int]:
        """The places of a plan's tasks, as they were kept."""
        return [row[0] for row in self._db.execute("SELECT place FROM waiting WHERE plan = ? ORDER BY at", (plan,))]


def _sum(what: Iterable[str | bytes]) -> bytes:
    parts = (part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape") for part in what)
    return hashlib.sha256(b"\0".join(parts)).digest()[:16]
