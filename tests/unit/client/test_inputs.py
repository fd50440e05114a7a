"""The files of many jobs, each walked once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ezaigents.client import InputFiles, inputs
from ezaigents.errors import InputError


def _folder(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("12345")
    return root


def test_a_set_of_paths_is_walked_once(tmp_path: Path) -> None:
    """Within one request all jobs over the same paths see the same files, as far as they were looked at."""
    files = InputFiles(_folder(tmp_path, "a.py", "b.py"), tmp_path / "home")
    assert [one.path for one in files.all(())] == ["a.py", "b.py"]
    _folder(tmp_path, "c.py")
    files.check(())
    assert files.size_bytes((), 100) == 10
    assert [one.path for one in files.all(())] == ["a.py", "b.py"]
    assert [one.path for one in files.all(("c.py",))] == ["c.py"]
    assert [one.path for one in InputFiles(tmp_path, tmp_path / "home").all(())] == ["a.py", "b.py", "c.py"]


def test_no_more_is_looked_at_than_is_asked_for(tmp_path: Path) -> None:
    """The first files can be weighed without walking the rest, and the rest still comes afterwards, in order."""
    files = InputFiles(_folder(tmp_path, *(f"{number}.py" for number in range(9))), tmp_path / "home")
    assert files.size_bytes((), 3) == 15
    assert files.size_bytes((), 2) == 10
    assert len(files.all(())) == 9


def test_paths_without_files_are_named(tmp_path: Path) -> None:
    """An empty folder is refused, by every way of asking."""
    (tmp_path / "empty").mkdir()
    files = InputFiles(tmp_path, tmp_path / "home")
    for ask in (files.check, files.all):
        with pytest.raises(InputError) as refused:
            ask(("empty",))
        assert refused.value.field == "path"
        assert "'empty'" in refused.value.message


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job has a most of files, and the words say so."""
    monkeypatch.setattr(inputs, "MOST_FILES", 2)
    files = InputFiles(_folder(tmp_path, "a", "b", "c"), tmp_path / "home")
    with pytest.raises(InputError, match="more than 2 files"):
        files.all(())


def test_large_folders_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of jobs over many files holds few of them at a time: what is over is walked again."""
    monkeypatch.setattr(inputs, "_KEPT_MOST", 3)
    files = InputFiles(_folder(tmp_path, "x/a", "x/b", "y/a", "y/b"), tmp_path / "home")
    assert len(files.all(("x",))) == len(files.all(("y",))) == 2
    _folder(tmp_path, "x/c")
    assert len(files.all(("x",))) == 3
