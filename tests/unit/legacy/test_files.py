"""Files that entries name, in a real workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.legacy.entries import Asked, Unmapped
from ezaigents.legacy.files import Files
from ezaigents.records import TaskKind


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A workspace with a file, a link that leads out, and the data folder inside."""
    work = tmp_path / "work"
    (work / "src").mkdir(parents=True)
    (work / "src" / "a.js").write_text("x")
    (work / "out").symlink_to(tmp_path)
    (work / "home").mkdir()
    return Files(work, work / "home")


def _placed(files: Files, *names: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    asked = Asked(agent="gpt", kind=TaskKind.EDIT, priority=5, prompt="p", files=names)
    placed, missing = files.placed(asked)
    return placed.files, missing


def test_files_get_their_one_name(files: Files, tmp_path: Path) -> None:
    """Spellings of one file are one; an absolute path inside the workspace counts; a new file is named as missing."""
    whole = f"{tmp_path}/work/src/a.js"
    assert _placed(files, "./src/a.js", "src/../src/a.js", whole) == (("src/a.js",), ())
    assert _placed(files, "src/../b.js", "b.js") == (("b.js",), ("b.js",))
    assert _placed(files, "src/new.js") == (("src/new.js",), ("src/new.js",))


@pytest.mark.parametrize(
    "name",
    [
        "../secret", "src/../../secret", "/etc/passwd", "/", "out/secret", "home/token", "a\0b", "\ud800",
        ".git/config", "src/\n", "x" * 300, "ezaigents.toml", "src/a.js/b",
    ],
)  # fmt: skip
def test_hostile_names_are_refused(files: Files, name: str) -> None:
    """Up and out, absolute, over a link, the data folder, names nobody may write: no task, and the reason."""
    with pytest.raises(Unmapped, match="its file"):
        _placed(files, name)


def test_a_list_without_end_is_refused(files: Files) -> None:
    """More files than anybody means."""
    with pytest.raises(Unmapped, match="1,001 files"):
        _placed(files, *[f"f{number}" for number in range(1001)])
