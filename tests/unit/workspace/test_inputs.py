"""Paths as typed, made relative to the workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ezaigents.errors import InputError
from ezaigents.workspace import InputResolver, PathOutside, place_id, resolve_inputs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").touch()
    (tmp_path / "repo-evil").mkdir()
    return root


def test_paths_become_relative_to_the_workspace(root: Path) -> None:
    """Paths are taken from where the user stands, links resolved, duplicates dropped, the order kept."""
    (root / "link").symlink_to("src")
    args = ["a.py", "../link/a.py", "..", str(root / "src")]
    assert resolve_inputs(root, root / "src", args) == ["src/a.py", "", "src"]


@pytest.mark.parametrize("name", ["new\nline.py", os.fsdecode(b"\xff.py"), "-x.py"])
def test_odd_names_pass_unchanged(root: Path, name: str) -> None:
    """A name with a newline or that is not UTF-8 is handed on as the file system has it."""
    (root / name).touch()
    assert resolve_inputs(root, root, [name]) == [name]


@pytest.mark.parametrize(
    ("arg", "words"),
    [
        ("nothing.py", "no such file or folder: 'nothing.py'"),
        ("src/a.py/b", "no such file or folder"),
        ("", "empty"),
        ("a\0b", "NUL"),
        ("loop", "loop of symbolic links"),
        ("fifo", "is a FIFO"),
    ],
)
def test_bad_paths_are_named(root: Path, arg: str, words: str) -> None:
    """What is missing, looped or no file at all is refused by name, as a wrong argument."""
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "fifo")
    with pytest.raises(InputError, match=words) as caught:
        resolve_inputs(root, root, [arg])
    assert caught.value.field == "path"


@pytest.mark.parametrize("arg", ["..", "../repo-evil", "/etc/passwd", "out", "/"])
def test_outside_is_refused(root: Path, arg: str) -> None:
    """A path outside, one whose name merely begins like the workspace's, or a link out of it is refused."""
    (root / "out").symlink_to(root.parent / "repo-evil")
    with pytest.raises(PathOutside, match="outside the workspace"):
        resolve_inputs(root, root, [arg])


def test_data_folder_is_refused(root: Path) -> None:
    """The data folder cannot be analysed even where it lies inside the workspace."""
    (root / "state" / "tasks").mkdir(parents=True)
    with pytest.raises(PathOutside, match="data folder"):
        resolve_inputs(root, root, ["state/tasks"], home=root / "state")


def test_place_id_tells_places_apart() -> None:
    """A place's id is ten hex characters and depends on the data folder and on the workspace."""
    ids = {
        place_id("h1", "/w/a"),
        place_id("h1", "/w/b"),
        place_id("h2", "/w/a"),
        place_id("h1", Path("/w/a")),
    }
    assert len(ids) == 3
    assert all(len(name) == 10 and int(name, 16) >= 0 for name in ids)


@pytest.mark.parametrize(
    "arg",
    [
        "a.py", "./a.py", "../src//a.py", "link/a.py", "link/../src/a.py", "../link", "../link/", "sub/.", "sub/..",
        "sub/back", "sub/back/a.py", "away/a.py",
    ],
)  # fmt: skip
def test_however_a_path_is_named_it_is_the_real_one(root: Path, arg: str) -> None:
    """What comes out is where the file system leads, also for a name in a folder that was resolved before."""
    (root / "src" / "sub").mkdir()
    (root / "link").symlink_to("src")
    (root / "src" / "link").symlink_to("../src")
    (root / "src" / "sub" / "back").symlink_to("..")
    (root / "src" / "away").symlink_to(root.parent / "elsewhere")
    (root.parent / "elsewhere").symlink_to(root / "src")
    resolver = InputResolver(root, root / "src")
    relative = os.path.relpath(os.path.realpath(root / "src" / arg), root)
    for _ in range(2):
        assert resolver.resolve([arg]) == ["" if relative == "." else relative]
