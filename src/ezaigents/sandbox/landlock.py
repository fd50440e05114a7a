"""Walls by Landlock and namespaces, where bubblewrap is missing. Job: the command line and what may be read.

The working copy keeps its own path. Landlock knows nothing of UNIX sockets that have a name, and a desktop's bus would
run anything for whoever asks: here a command makes none. Not for root: without bubblewrap nothing takes root away.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from ezaigents.sandbox.command import check_argv, check_environ, check_folder
from ezaigents.sandbox.outcome import OUTPUT_BYTES, CommandOutcome
from ezaigents.sandbox.running import Order, launched, program, words_of
from ezaigents.sandbox.walls import DEVICES, ETC, SYSTEM, Walls, covered, environment


class Landlock:
    """The sandbox that the kernel makes by itself."""

    name = "landlock"

    def __init__(self, walls: Walls) -> None:
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
        work = str(folder)
        order = Order(
            argv=tuple(argv),
            environ={**environment(self._walls), **environ},
            folder=work,
            cwd=cwd,
            timeout_s=timeout_s,
            memory_bytes=memory_bytes,
            output_bytes=output_bytes,
            readable=(*SYSTEM, *ETC, "/proc", *map(str, self._walls.shown())),
            writable=(work, "/tmp", "/dev/shm", *DEVICES),  # noqa: S108
            families=(socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK),
        )
        words = {"folder": work, "memory_bytes": memory_bytes, "masked": covered(self._walls)}
        return await launched([*program("enter"), words_of(words)], order)
