"""A workspace, a data folder, and working copies of the one in the other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.worktrees.grounds import Grounds


@pytest.fixture
def grounds(tmp_path: Path) -> Grounds:
    """A workspace that is no repository."""
    return Grounds(tmp_path / "work", tmp_path / "home")


@pytest.fixture
def repository(grounds: Grounds) -> Grounds:
    """The same as a repository: committed, then changed in every way."""
    grounds.write(
        {"a.py": "one\n", "gone": "x\n", "src/b.py": "b\n", "forced": "f\n", ".gitignore": "build/\nforced\n"}
    )
    (grounds.workspace / "link").symlink_to("a.py")
    grounds.git("init", "--quiet")
    grounds.git("add", ".")
    grounds.git("add", "--force", "forced")
    grounds.git("commit", "--quiet", "-m", "first")
    (grounds.workspace / "gone").unlink()
    grounds.write({"a.py": "two\n", "src/new.py": "new\n", "build/out": "ignored\n"})
    return grounds


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
