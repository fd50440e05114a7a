"""Reading in windows: bounded, limited, hashed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ezaigents.workspace import FileTooLarge, read_whole, read_windows

MB = 1024 * 1024


def test_windows_add_up_to_the_file(tmp_path: Path) -> None:
    """The windows are the file's bytes in order, none larger than asked for; the hash is of all."""
    data = bytes(range(256)) * 1000
    (tmp_path / "f").write_bytes(data)
    windows = read_windows(tmp_path, "f", MB, 1000)
    pieces = list(windows)
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == 1000
    assert windows.size_bytes == len(data)
    assert windows.sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_read_whole_is_one_window_under_the_same_rules(tmp_path: Path) -> None:
    """All of it at once, with size and hash; one that is too large is refused all the same, an empty one is none."""
    data = bytes(range(256)) * 1000
    (tmp_path / "f").write_bytes(data)
    (tmp_path / "empty").touch()
    windows = read_whole(tmp_path, "f", MB)
    assert list(windows) == [data]
    assert (windows.size_bytes, windows.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert list(read_whole(tmp_path, "empty", MB)) == []
    with pytest.raises(FileTooLarge):
        read_whole(tmp_path, "f", len(data) - 1)


def test_empty_file_has_no_windows(tmp_path: Path) -> None:
    """An empty file is read without a window and has the hash of nothing."""
    (tmp_path / "f").touch()
    windows = read_windows(tmp_path, "f", MB)
    assert list(windows) == []
    assert windows.sha256 == hashlib.sha256().hexdigest()


def test_eleven_megabytes_are_refused(tmp_path: Path) -> None:
    """A file over the limit is refused before a byte is read, naming its size and the limit."""
    with (tmp_path / "big").open("wb") as file:
        file.truncate(11 * MB)
    with pytest.raises(FileTooLarge) as caught:
        read_windows(tmp_path, "big", 10 * MB)
    assert caught.value.reason == ("file too large: 11.0 MB (11,534,336 bytes), limit 10.0 MB (10,485,760 bytes)")


def test_limit_itself_is_allowed(tmp_path: Path) -> None:
    """A file of exactly the limit is read, one byte more is not."""
    (tmp_path / "f").write_bytes(b"x" * 10)
    assert b"".join(read_windows(tmp_path, "f", 10)) == b"x" * 10
    with pytest.raises(FileTooLarge):
        read_windows(tmp_path, "f", 9)


def test_file_that_grows_is_stopped(tmp_path: Path) -> None:
    """A file that grows beyond the limit while it is read is refused, not read on."""
    path = tmp_path / "f"
    path.write_bytes(b"x" * 10)
    windows = iter(read_windows(tmp_path, "f", 15, 10))
    assert next(windows) == b"x" * 10
    with path.open("ab") as file:
        file.write(b"y" * 10)
    with pytest.raises(FileTooLarge):
        next(windows)
