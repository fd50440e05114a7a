"""The backup: whole or not there, byte for byte, without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.errors import ConfigError
from ezaigents.legacy.entries import OldEntry
from ezaigents.legacy.names import Part
from ezaigents.legacy.saving import Backup, Saved

_ENTRY = OldEntry(part=Part.QUEUE, key="queue:g", lane="g", raw=b'{"file": "a"}', number=2)
_ODD = OldEntry(part=Part.QUEUE, key="queue:\udcff", lane="\udcff", raw=b"\xff\x00\\u00e9")


def test_it_gives_back_what_was_written(tmp_path: Path) -> None:
    """Entries come back byte for byte and by place; those passed over do not; the file is for its owner alone."""
    path = tmp_path / "b.jsonl"
    with Backup(path, "redis://old") as backup:
        backup.add(_ENTRY)
        backup.add(_ENTRY, passed_over="repeats")
        backup.add(_ODD)
        assert not path.exists()
    assert path.stat().st_mode & 0o777 == 0o600
    with Saved(path) as saved:
        found = list(saved.entries())
        assert [entry for _, entry in found] == [_ENTRY, _ODD]
        assert [saved.at(place) for place, _ in found] == [_ENTRY, _ODD]


def test_a_secret_is_not_in_it(tmp_path: Path) -> None:
    """An entry that is withheld is a line without its bytes."""
    with Backup(tmp_path / "b", "s") as backup:
        backup.add(_ENTRY, passed_over="refused", withheld=True)
    assert b"file" not in (tmp_path / "b").read_bytes()


def test_one_that_was_interrupted_is_not_there(tmp_path: Path) -> None:
    """An error while it is written leaves no file; one that was cut short afterwards is refused."""
    path = tmp_path / "b"
    with pytest.raises(ZeroDivisionError), Backup(path, "s") as backup:
        backup.add(_ENTRY)
        _ = 1 / 0
    assert not list(tmp_path.iterdir())
    with Backup(path, "s") as backup:
        backup.add(_ENTRY)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + b'{"part')
    with Saved(path) as saved, pytest.raises(ConfigError, match="not a whole backup"):
        list(saved.entries())
