"""What the user trusts, bound to content."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.errors import ConfigError
from ezaigents.trust import Trust


def test_trust_is_of_a_content_at_a_path(tmp_path: Path) -> None:
    """Neither another content nor another path is trusted with it; it outlives the process, for its owner alone."""
    trust, path = Trust(tmp_path / "own"), tmp_path / "ezaigents.toml"
    assert not trust.is_trusted(path, b"a")
    trust.add(path, b"a")
    trust.add(path, b"b")
    trust.add(path, b"b")
    again = Trust(tmp_path / "own")
    assert again.is_trusted(path, b"a")
    assert again.is_trusted(path, b"b")
    assert not again.is_trusted(path, b"c")
    assert not again.is_trusted(tmp_path / "other.toml", b"a")
    listed = tmp_path / "own" / "trusted"
    assert listed.stat().st_mode & 0o777 == 0o600
    assert len(listed.read_text().splitlines()) == 2


def test_a_path_may_be_spelt_in_any_way(tmp_path: Path) -> None:
    """Trust is of the file, through whatever folders it was named."""
    (tmp_path / "work").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "work")
    trust = Trust(tmp_path / "own")
    trust.add(tmp_path / "link" / ".." / "work" / "ezaigents.toml", b"a")
    assert trust.is_trusted(tmp_path / "work" / "ezaigents.toml", b"a")
    assert trust.is_trusted(tmp_path / "link" / "ezaigents.toml", b"a")


def test_a_path_cannot_smuggle_a_line_in(tmp_path: Path) -> None:
    """A line feed in a file's name does not end its line."""
    trust = Trust(tmp_path)
    other = tmp_path / "other"
    line = trust_line(other, b"x")
    trust.add(tmp_path / f"a\n{line}", b"y")
    assert not trust.is_trusted(other, b"x")


def trust_line(path: Path, data: bytes) -> str:
    import hashlib

    return f"{hashlib.sha256(data).hexdigest()} {path}"


def test_a_list_that_others_could_write_is_not_believed(tmp_path: Path) -> None:
    """A file that is open to others, or a link, is refused with what to do."""
    trust, path = Trust(tmp_path / "own"), tmp_path / "x"
    trust.add(path, b"a")
    listed = tmp_path / "own" / "trusted"
    listed.chmod(0o644)
    with pytest.raises(ConfigError, match="not a file of yours alone"):
        trust.is_trusted(path, b"a")
    listed.unlink()
    listed.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="cannot be read"):
        trust.is_trusted(path, b"a")
