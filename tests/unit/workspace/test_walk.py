"""Which files a walk finds."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.workspace.dropped import run_dropped

from ezaigents.workspace import FileMissing, FoundFile, NotRegular, walk, walk_inputs


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))


def paths(root: Path, start: str = "", home: Path | None = None) -> list[str]:
    return [found.path for found in walk(root, start, home=home)]


def test_files_come_in_a_fixed_order_with_their_size(tmp_path: Path) -> None:
    """A folder's files come by name, then its folders by name, each with its size."""
    make(tmp_path, "b/x", "b.txt", "a/z", "a/k/1", "c")
    assert paths(tmp_path) == ["b.txt", "c", "a/z", "a/k/1", "b/x"]
    assert next(walk(tmp_path)) == FoundFile("b.txt", 5)


IGNORES = {
    ".gitignore": "*.log\n/build/\n!keep.log\n# comment\n\nnode_modules\n*~\ndocs/*.html\n",
    "sub/.gitignore": "!debug.log\n*.tmp\n/only-here\n",
    "sub/deep/.gitignore": "*\n!.gitignore\n!wanted/\n!wanted/**\n",
}
TREE = [
    "a.py",
    "a.py~",
    "x.log",
    "keep.log",
    "build/out.o",
    "sub/build/out.o",
    "sub/debug.log",
    "sub/other.log",
    "sub/x.tmp",
    "sub/only-here",
    "sub/deep/hidden.py",
    "sub/deep/wanted/seen.py",
    "sub/more/only-here",
    "web/node_modules/lib/i.js",
    "docs/i.html",
    "docs/api/i.html",
    "x.tmp",
    "excluded.txt",
]


def ignoring_tree(root: Path) -> None:
    make(root, *TREE)
    for name, text in IGNORES.items():
        (root / name).write_text(text)
    (root / ".git" / "info").mkdir(parents=True, exist_ok=True)
    (root / ".git" / "info" / "exclude").write_text("excluded.txt\n")


def test_gitignore_is_respected(tmp_path: Path) -> None:
    """Nested .gitignore files, negations and .git/info/exclude hide what they hide from git."""
    ignoring_tree(tmp_path)
    assert set(paths(tmp_path)) == {
        *IGNORES,
        "a.py",
        "keep.log",
        "sub/build/out.o",
        "sub/debug.log",
        "sub/deep/wanted/seen.py",
        "sub/more/only-here",
        "docs/api/i.html",
        "x.tmp",
    }


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the oracle here")
def test_gitignore_agrees_with_git(tmp_path: Path) -> None:
    """The walk finds exactly the files that git would add."""
    git = ["git", "-c", "core.excludesFile=/dev/null", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q", "--template="], check=True, timeout=20)
    ignoring_tree(tmp_path)
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        timeout=20,
    )
    assert set(paths(tmp_path)) == {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}


def test_bad_pattern_does_not_spoil_the_others(tmp_path: Path) -> None:
    """A line git would not understand is passed over, the lines around it count."""
    make(tmp_path, "a.log", "b.py")
    (tmp_path / ".gitignore").write_bytes(b"!\n*.log\n[z-a\n\xff\xfe\n")
    assert "a.log" not in paths(tmp_path)
    assert "b.py" in paths(tmp_path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link to a folder above makes no loop, and a link to a file does not count it twice."""
    make(tmp_path, "sub/a.py")
    (tmp_path / "sub" / "up").symlink_to("..")
    (tmp_path / "again.py").symlink_to("sub/a.py")
    (tmp_path / "self").symlink_to("self")
    assert paths(tmp_path) == ["sub/a.py"]


def test_special_files_and_git_are_left_out(tmp_path: Path) -> None:
    """FIFOs, .git folders and .git files are no files of the workspace."""
    make(tmp_path, "a.py", ".git/config", "module/.git", "module/b.py")
    os.mkfifo(tmp_path / "fifo")
    assert paths(tmp_path) == ["a.py", "module/b.py"]


def test_what_an_apply_is_staging_is_left_out(tmp_path: Path) -> None:
    """Copies beside the files, left by an apply that died, are nobody's work."""
    make(tmp_path, "a", "sub/.ez-t1-2/0", ".ez-t1-2.0000abcd/1", "sub/b")
    assert paths(tmp_path) == ["a", "sub/b"]


def test_data_folder_is_left_out(tmp_path: Path) -> None:
    """The data folder inside a workspace is not walked."""
    make(tmp_path, "a.py", "state/token", "other/state/x")
    assert paths(tmp_path, home=tmp_path / "state") == ["a.py", "other/state/x"]


@pytest.mark.parametrize("name", ["new\nline", os.fsdecode(b"\xff\xfe"), "*.log", "ü"])
def test_names_keep_their_bytes(tmp_path: Path, name: str) -> None:
    """A found path opens the very file, whatever bytes its name holds."""
    make(tmp_path, name)
    (tmp_path / ".gitignore").write_text("*.tmp\n")
    assert name in paths(tmp_path)


def test_start_that_is_a_file_or_hidden(tmp_path: Path) -> None:
    """What was asked for by name is walked although a .gitignore above hides it."""
    make(tmp_path, "build/a.py", "build/sub/b.py", "x.log")
    (tmp_path / ".gitignore").write_text("build\n*.log\n")
    assert paths(tmp_path, "x.log") == ["x.log"]
    assert paths(tmp_path, "build/") == ["build/a.py", "build/sub/b.py"]
    assert paths(tmp_path, "build/sub") == ["build/sub/b.py"]


def test_start_below_obeys_the_files_above(tmp_path: Path) -> None:
    """Walking a part of the workspace leaves out the same files as walking the whole."""
    make(tmp_path, "src/a.py", "src/a.log")
    (tmp_path / ".gitignore").write_text("*.log\n")
    assert paths(tmp_path, "src") == ["src/a.py"]


def test_overlapping_starts_yield_each_file_once(tmp_path: Path) -> None:
    """A file named twice, or named and walked, is found once."""
    make(tmp_path, "src/a.py", "src/b.py")
    found = [file.path for file in walk_inputs(tmp_path, ["src/b.py", "src", "src/b.py"])]
    assert found == ["src/b.py", "src/a.py"]


def test_empty_and_missing_starts(tmp_path: Path) -> None:
    """An empty folder has no files; what is missing, or neither file nor folder, is refused."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").mkdir()
    assert paths(tmp_path, "empty") == []
    with pytest.raises(FileMissing):
        paths(tmp_path, "gone")
    with pytest.raises(NotRegular):
        paths(tmp_path, "fifo")


def test_deep_trees_are_walked(tmp_path: Path) -> None:
    """Depth is not bounded by the interpreter's stack."""
    deep = "/".join("d" * 1100)
    steps = [deep[:end] for end in range(1, len(deep) + 1, 2)]
    try:
        for step in steps:
            os.mkdir(f"{tmp_path}/{step}")  # noqa: PTH102 - pathlib takes seconds at this depth
        Path(f"{tmp_path}/{deep}/f").touch()
        assert paths(tmp_path) == [f"{deep}/f"]
    finally:
        # pytest's own clearing up does not go this deep.
        subprocess.run(["rm", "-rf", f"{tmp_path}/d"], check=True, timeout=20)


def test_unreadable_folder_is_reported(shared_folder: Path) -> None:
    """A folder that cannot be listed is told to the caller, and the walk goes on."""
    make(shared_folder, "closed/a.py", "open/b.py")
    (shared_folder / "closed").chmod(0)
    script = """
try:
    os.listdir(path + "/closed")
except PermissionError:
    pass
else:
    raise SystemExit("plain listing works; the test proves nothing")
print([f.path for f in walk(path, on_skipped=lambda name, why: print(name, why))])
"""
    assert run_dropped(script, shared_folder).splitlines() == [
        "closed cannot be listed (permission denied)",
        "['open/b.py']",
    ]
