"""The real git, to say whether a patch is one: trees in, `git apply`, trees out."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ezaigents.codec import storable
from ezaigents.workspace import FileChange, FileState, Patch, make_patch

Tree = Mapping[bytes, tuple[bytes, int]]
"""Content and mode by path; paths are bytes, as git has them."""
_QUIET = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C", "PATH": os.environ["PATH"]}


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run git in `folder` without anybody's configuration and return what it prints; fail with what it complains of."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=_QUIET, input=stdin, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, (arguments, done.stderr, stdin[:4000])
    return done.stdout


def patch_of(before: Tree, after: Tree, renames: Mapping[bytes, bytes] | None = None) -> Patch:
    """The patch that leads from one tree to the other; `renames`: new path by old."""
    renames = renames or {}
    contents = {hashlib.sha256(data).hexdigest(): data for data, _ in (*before.values(), *after.values())}
    changes = [
        FileChange(path=_text(new), renamed_from=_text(old), before=_state(before[old]), after=_state(after[new]))
        for old, new in renames.items()
    ]
    for path in (before.keys() | after.keys()) - renames.keys() - set(renames.values()):
        if before.get(path) != after.get(path):
            old, new = before.get(path), after.get(path)
            changes.append(
                FileChange(path=_text(path), before=_state(old) if old else None, after=_state(new) if new else None)
            )
    return make_patch(sorted(changes, key=lambda change: change.path), contents.__getitem__)


def check_both_ways(folder: Path, before: Tree, after: Tree, patch: bytes) -> None:
    """See that git applies `patch` to `before` and gets `after`, byte for byte, and back again."""
    git(folder, "init", "-q")
    _write(folder, before)
    git(folder, "apply", "--check", "-", stdin=patch)
    git(folder, "apply", "-", stdin=patch)
    assert read_tree(folder) == dict(after)
    git(folder, "apply", "-R", "-", stdin=patch)
    assert read_tree(folder) == dict(before)


def diff_by_git(folder: Path, before: Tree, after: Tree) -> bytes:
    """The patch that git itself makes of the same change."""
    git(folder, "init", "-q")
    trees = []
    for tree in (before, after):
        for path in read_tree(folder):
            (folder / os.fsdecode(path)).unlink()
        _write(folder, tree)
        git(folder, "add", "-A")
        trees.append(git(folder, "write-tree").decode().strip())
    return git(folder, "diff", "--full-index", "--binary", "--no-renames", *trees)


def read_tree(folder: Path) -> dict[bytes, tuple[bytes, int]]:
    """All files but git's own; of the mode what git knows."""
    found: dict[bytes, tuple[bytes, int]] = {}
    base = os.fsencode(folder)
    for place, folders, names in os.walk(base):
        folders[:] = [name for name in folders if name != b".git"]
        for name in names:
            path = os.path.join(place, name)  # noqa: PTH118 - names are bytes here
            with open(path, "rb") as file:  # noqa: PTH123
                data = file.read()
                mode = 0o755 if os.fstat(file.fileno()).st_mode & 0o100 else 0o644
            found[path[len(base) + 1 :]] = (data, mode)
    return found


def _write(folder: Path, tree: Tree) -> None:
    for path, (data, mode) in tree.items():
        place = folder / os.fsdecode(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.chmod(mode)


def _text(path: bytes) -> str:
    return storable(os.fsdecode(path))


def _state(file: tuple[bytes, int]) -> FileState:
    data, mode = file
    return FileState(hashlib.sha256(data).hexdigest(), mode, len(data))
