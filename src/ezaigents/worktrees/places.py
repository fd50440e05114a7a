"""Where working copies lie in the data folder, and who holds which. Job: names, locks, marks on disk.

`worktrees/<task>-<fence>/` is a copy, `.hold` beside it a file that its process keeps locked (the kernel lets go when
that dies), `.marks` how the copy was left: a copy without it is half made. `worktrees/kept/` holds what nobody took.
`repos/<place>.git` is the git folder that a workspace's copies share.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from ezaigents.errors import InputError
from ezaigents.workspace import place_id
from ezaigents.worktrees.errors import CopyBusy

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_GATE_WAIT_S = 300.0
"""Somebody may be checking a large tree out."""
_STEP_S = 0.01
KEPT = "kept"


class Places:
    """The folders of one data folder, for one workspace."""

    def __init__(self, home: Path, workspace: Path) -> None:
        self.copies = home / "worktrees"
        self.kept = self.copies / KEPT
        self.repos = home / "repos"
        place = place_id(str(home), workspace)
        self.store = self.repos / f"{place}.git"
        self.gate = self.copies / "gate.lock"
        self.repo_lock = self.repos / f"{place}.lock"

    def make(self) -> None:
        """Make the folders where they are missing."""
        for folder in (self.copies, self.kept, self.repos):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def copy(self, name: str) -> Path:
        return self.copies / name

    def hold(self, name: str) -> Path:
        return self.copies / f"{name}.hold"

    def marks(self, name: str) -> Path:
        return self.copies / f"{name}.marks"

    def names(self) -> list[str]:
        """The copies there are, held or not, whole or half."""
        found = {entry.name.removesuffix(".hold") for entry in self.copies.iterdir() if entry.name != KEPT}
        return sorted(name for name in found if not name.endswith((".marks", ".lock", ".part")))

    def kept_copies(self) -> list[Path]:
        """Copies with work that nobody took, the oldest first."""
        if not self.kept.is_dir():
            return []
        return sorted((path for path in self.kept.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)

    def take_hold(self, name: str) -> int:
        """Lock the copy for this process; the descriptor, or -1 when another has it. Behind the gate only."""
        descriptor = os.open(self.hold(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return -1
        return descriptor

    def let_go(self, name: str, descriptor: int) -> None:
        """Unlock, and remove what lay beside the copy, where there is none any more. Behind the gate only."""
        if not self.copy(name).exists():  # without its marks a copy counts as half made, and is deleted
            self.marks(name).unlink(missing_ok=True)
        self.hold(name).unlink(missing_ok=True)
        os.close(descriptor)


def copy_name(task_id: str, fence: int) -> str:
    """The name of an attempt's copy. Raises InputError for what is no id of a task."""
    if not _NAME.match(task_id):
        raise InputError("task", f"{task_id!r} is no id of a task")
    return f"{task_id}-{fence}"


@contextlib.asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock file, against other processes and other tasks of this one. Raises CopyBusy. It is never removed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + _GATE_WAIT_S
        while not _taken(descriptor):
            if loop.time() >= end_s:
                raise CopyBusy(str(path))
            await asyncio.sleep(_STEP_S)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_tree(path: Path) -> None:
    """Remove a folder whole, also where a command made it unreadable for its owner. Raises OSError."""

    def again(_: Callable[..., object], name: str, trouble: object) -> None:
        del trouble
        parent = os.path.dirname(name)  # noqa: PTH120 - names may be any bytes
        for folder in (parent, name):
            with contextlib.suppress(OSError):
                if stat.S_ISDIR(os.lstat(folder).st_mode):
                    os.chmod(folder, 0o700)  # noqa: PTH101

    for _ in range(3):
        shutil.rmtree(path, onerror=again)
        if not os.path.lexists(path):
            return
    shutil.rmtree(path)
