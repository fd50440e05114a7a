"""One workspace and its data folder. Job: short words for what tests do there. Not its job: what is checked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ezaigents.worktrees import Worktrees

MIB = 1024 * 1024


class Grounds:
    """`workspace` and `home`."""

    def __init__(self, workspace: Path, home: Path) -> None:
        self.workspace = workspace
        self.home = home
        workspace.mkdir(parents=True)
        home.mkdir(mode=0o700)

    def worktrees(self, *, most: int = 8, max_bytes: int = 64 * MIB, file_bytes: int = MIB) -> Worktrees:
        """As a host would make it."""
        return Worktrees(self.home, self.workspace, most=most, max_bytes=max_bytes, file_bytes=file_bytes)

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files of the workspace."""
        for path, content in files.items():
            target = self.workspace / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """Run git as the user would."""
        command = (
            "git",
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.com",
            "-c",
            "init.defaultBranch=main",
            *words,
        )
        environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            command, cwd=cwd or self.workspace, env=environ, check=True, capture_output=True, text=True
        )
        return done.stdout

    def left(self) -> list[str]:
        """What lies where copies are made, locks that stay left out."""
        return sorted(entry.name for entry in (self.home / "worktrees").iterdir() if entry.name != "gate.lock")


def files_of(folder: Path) -> dict[str, str]:
    """Path and content of all files and links (`-> target`) beneath, `.git` left out."""
    found: dict[str, str] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if name == ".git" or name.startswith(".git/"):
            continue
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"  # noqa: PTH115
        elif path.is_file():
            found[name] = path.read_text()
    return found
