"""Walls by bubblewrap: a root of its own, no network, no process but its own. Job: its command line.

Inside, the working copy is `/work`, the user has the id 1000, and `/` holds what walls.py names, read-only.
As root the command runs as user 65534 (nobody) in truth, not only by name: the kernel's limits on processes do not
hold root back, and what root may read is still root's when its name is changed.
Source: bwrap(1) 0.8.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ezaigents.sandbox.command import check_argv, check_environ, check_folder
from ezaigents.sandbox.outcome import OUTPUT_BYTES, CommandOutcome
from ezaigents.sandbox.running import Order, launched, package_root, program, words_of
from ezaigents.sandbox.walls import ETC, HOME, OWN_ETC, SYSTEM, Walls, covered, environment

WORK = "/work"
NOBODY = 65534
AGENT = "1000"
_OURS = "/run/ezaigents"
"""Where this package stands inside: the launcher is part of it."""


class Bubblewrap:
    """The sandbox that `bwrap` makes."""

    name = "bubblewrap"

    def __init__(self, path: str, walls: Walls) -> None:
        self._path = path
        self._walls = walls

    async def run(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        cwd: str = "",
        timeout_s: float,
        memory_bytes: int,
        output_bytes: int = OUTPUT_BYTES,
        environ: Mapping[str, str] = {},
    ) -> CommandOutcome:
        """See `Sandbox.run`."""
        check_argv(argv)
        check_environ(environ)
        check_folder(cwd)
        order = Order(
            argv=tuple(argv),
            environ={**environment(self._walls), **environ},
            folder=WORK,
            cwd=cwd,
            timeout_s=timeout_s,
            memory_bytes=memory_bytes,
            output_bytes=output_bytes,
            readable=("/",),
            writable=(WORK, "/tmp", "/dev"),  # noqa: S108
            families=(socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK),
        )
        return await launched(self._command(folder, memory_bytes), order)

    def _command(self, folder: Path, memory_bytes: int) -> list[str]:
        sources = _Sources(is_root=os.geteuid() == 0)
        bwrap = [self._path, *self._arguments(sources, folder, memory_bytes), "--", *program("launch", _OURS)]
        if not sources.is_root:
            return bwrap
        words = {"user": NOBODY, "folder": str(folder), "sources": sources.paths}
        return [*program("unroot"), words_of(words), *bwrap]

    def _arguments(self, sources: _Sources, folder: Path, memory_bytes: int) -> Iterator[str]:
        yield from ("--unshare-all", "--unshare-user", "--uid", AGENT, "--gid", AGENT, "--hostname", "sandbox")
        yield from ("--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--cap-drop", "ALL")
        yield from ("--proc", "/proc", "--dev", "/dev")
        size = str(memory_bytes)
        yield from ("--size", size, "--tmpfs", "/dev/shm", "--size", size, "--tmpfs", "/tmp", "--dir", HOME)  # noqa: S108
        yield from _system()
        masked = covered(self._walls)
        # From the top down: a folder that is shown may lie in one that is hidden, and the other way round.
        for path in sorted({*masked, *map(str, self._walls.shown())}, key=lambda path: path.count("/")):
            yield from ("--tmpfs", path) if path in masked else ("--ro-bind", sources.shown(Path(path)), path)
        root = package_root() / "ezaigents"
        yield from ("--ro-bind", sources.shown(root), f"{_OURS}/ezaigents")
        for name in OWN_ETC:
            yield from ("--ro-bind", sources.shown(root / "sandbox" / "etc" / name), f"/etc/{name}")
        yield from ("--bind", sources.shown(folder), WORK)
        git = folder / ".git"
        if git.exists() and not git.is_symlink():
            yield from ("--ro-bind", sources.shown(git), f"{WORK}/.git")
        for path in masked:
            yield from ("--remount-ro", path)
        yield from ("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/")


class _Sources:
    """What is bound, by the names it has where bubblewrap starts: behind `unroot` they are numbered."""

    def __init__(self, *, is_root: bool) -> None:
        self.is_root = is_root
        self.paths: list[str] = []

    def shown(self, path: Path) -> str:
        if not self.is_root:
            return str(path)
        self.paths.append(str(path))
        return f"/tmp/{len(self.paths) - 1}"  # noqa: S108


def _system() -> Iterator[str]:
    for place in SYSTEM:
        try:
            mode = os.lstat(place).st_mode
        except OSError:
            continue
        if stat.S_ISLNK(mode):
            yield from ("--symlink", os.readlink(place), place)  # noqa: PTH115
        else:
            yield from ("--ro-bind", place, place)
    for place in ETC:
        yield from ("--ro-bind-try", place, place)
