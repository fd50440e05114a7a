"""The one name of a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ezaigents.workspace import FileMissing, FileUnreadable, NotRegular, PathOutside, canonical

_MOVER = """
import os, sys
os.chdir(sys.argv[1])
print("moving", flush=True)
while os.getppid() == int(sys.argv[2]):
    for _ in range(1000):
        os.mkdir("moving")
        for _ in range(5):
            os.rename("moving", "../elsewhere")
            os.rename("../elsewhere", "moving")
        os.rmdir("moving")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with files, links in all directions, and a sibling whose name begins the same."""
    root = tmp_path / "repo"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "file.txt").write_text("file")
    (root / "sub" / "inner.txt").write_text("inner")
    (root / "link").symlink_to("sub/inner.txt")
    (root / "chain").symlink_to("link")
    (root / "folder").symlink_to("sub")
    (root / "sub" / "deep" / "up").symlink_to("../../folder")
    (root / "hanging").symlink_to("folder/deep/new/file")
    (root / "out").symlink_to("../repo-evil")
    (root / "out-file").symlink_to("../repo-evil/file.txt")
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "inside-absolute").symlink_to(root / "file.txt")
    (root / "loop").symlink_to("loop")
    (root / "ping").symlink_to("pong")
    (root / "pong").symlink_to("ping")
    (tmp_path / "repo-evil").mkdir()
    (tmp_path / "repo-evil" / "file.txt").write_text("evil")
    return root


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("file.txt", "file.txt"),
        ("./sub/../file.txt", "file.txt"),
        ("sub//inner.txt", "sub/inner.txt"),
        ("link", "sub/inner.txt"),
        ("chain", "sub/inner.txt"),
        ("folder/inner.txt", "sub/inner.txt"),
        ("sub/deep/up/deep/../inner.txt", "sub/inner.txt"),
        ("folder", "sub"),
        (".", "."),
        ("sub/..", "."),
        ("new", "new"),
        ("folder/new", "sub/new"),
        ("folder/a/b/new", "sub/a/b/new"),
        ("a/./b//c", "a/b/c"),
        ("hanging", "sub/deep/new/file"),
        ("%2e%2e/x", "%2e%2e/x"),
        ("~/x", "~/x"),
    ],
)
def test_every_spelling_has_one_name(root: Path, path: str, name: str) -> None:
    """Links and dots are gone from a name, and what is missing stands behind the folder that is there."""
    assert canonical(root, path) == name
    alias = root.parent / "alias"
    alias.symlink_to(root)
    assert canonical(alias, path) == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../repo-evil/file.txt",
        "../repo-evil/new",
        "..",
        "out",
        "out/file.txt",
        "out/new/file",
        "out-file",
        "absolute",
        "inside-absolute",
        "missing/../../x",
        "missing/../file.txt",
        "nul\0",
        "half\ud800",
    ],
)
def test_what_leads_out_has_no_name(root: Path, path: str) -> None:
    """No name is given to what lies outside, by whatever way, nor to what goes up from where nothing is."""
    with pytest.raises(PathOutside):
        canonical(root, path)


@pytest.mark.parametrize("path", ["file.txt/below", "link/below/more", "sub/inner.txt/x"])
def test_a_file_is_no_folder(root: Path, path: str) -> None:
    """A path through a file is refused by the name of that file."""
    with pytest.raises(NotRegular, match="not a folder"):
        canonical(root, path)


@pytest.mark.parametrize("path", ["loop", "ping", "loop/x"])
def test_loops_end(root: Path, path: str) -> None:
    """A loop of links is refused and does not hang."""
    with pytest.raises(FileUnreadable, match="loop"):
        canonical(root, path)


@pytest.mark.parametrize("path", [".ez", ".ez/new", ".ez/a/b", "door/token", "folder/../.ez/token", "key"])
def test_the_data_folder_has_no_names(root: Path, path: str) -> None:
    """The data folder counts as outside, by a link too, and whether the file is there or not."""
    (root / ".ez").mkdir()
    (root / "door").symlink_to(".ez")
    (root / "key").symlink_to(".ez/token")
    with pytest.raises(PathOutside, match="data folder"):
        canonical(root, path, hidden=root / ".ez")
    assert canonical(root, ".ez-twin", hidden=root / ".ez") == ".ez-twin"


def test_a_folder_that_moves_while_it_is_named(root: Path) -> None:
    """A folder that is removed, or moved outside, while it is looked at gives its own name or none."""
    mover = subprocess.Popen([sys.executable, "-c", _MOVER, str(root), str(os.getpid())], stdout=subprocess.PIPE)
    named = refused = 0
    try:
        assert mover.stdout is not None
        mover.stdout.readline()
        for _ in range(30_000):
            try:
                assert canonical(root, "moving/f") == "moving/f"
                named += 1
            except (FileMissing, PathOutside):
                refused += 1
    finally:
        mover.kill()
        mover.communicate()
    assert named > 0
    assert refused > 0
