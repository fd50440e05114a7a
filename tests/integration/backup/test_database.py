"""The database of what came from an old system: in a backup as it was at one moment, beside whoever writes to it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.integration.backup.states import settings_of

from ezaigents.backup import make_backup, restore_backup
from ezaigents.errors import ConfigError
from ezaigents.home import open_home
from ezaigents.legacy.entries import OldEntry
from ezaigents.legacy.manifest import Manifest, Moved
from ezaigents.legacy.names import Part


def _moved(number: int) -> Moved:
    entry = OldEntry(
        part=Part.QUEUE,
        key="queue:gpt-4o",
        lane="queue:gpt-4o",
        raw=b'{"file":"a.py","prompt":"x %d"}' % number,
        number=number,
    )
    return Moved(task=f"t{number}", run=f"r{number}", entry=entry)


def test_it_comes_along_whole_while_it_is_written_to(tmp_path: Path) -> None:
    """Held by an import that has not closed it, with rows in the write-ahead log alone; nothing stays behind."""
    home = tmp_path / "home"
    open_home(home)
    moved = [_moved(number) for number in range(50)]
    with Manifest(home) as manifest:
        manifest.plan(moved)
        manifest.handed_in([one.task for one in moved])
        assert (home / "legacy" / "manifest.sqlite-wal").stat().st_size > 0
        (home / "legacy" / "backup-1.jsonl").write_text("kept\n")
        made = make_backup(settings_of(home), tmp_path / "b.tar")
        manifest.plan([_moved(99)])
    assert not list(home.glob(".legacy-*"))
    there = settings_of(tmp_path / "there")
    restore_backup(there, Path(made.file))
    restored = Manifest.look(there.home_path)
    assert restored is not None
    with restored:
        assert restored.knows([one.entry.digest for one in moved]) == {one.entry.digest for one in moved}
        assert not restored.knows([_moved(99).entry.digest])
    assert (there.home_path / "legacy" / "backup-1.jsonl").read_text() == "kept\n"
    with Manifest(there.home_path) as again:
        again.plan([_moved(99)])


def test_one_that_is_spoilt_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    """A backup without it would not be whole."""
    home = tmp_path / "home"
    open_home(home)
    (home / "legacy").mkdir()
    (home / "legacy" / "manifest.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    with pytest.raises(ConfigError, match=r"legacy/manifest\.sqlite"):
        make_backup(settings_of(home), tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(home / "legacy" / "manifest.sqlite").execute("SELECT 1 FROM moved")
