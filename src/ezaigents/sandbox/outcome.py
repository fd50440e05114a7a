"""What became of a command, and what a sandbox is. Job: the records and the seam. Not its job: running anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

OUTPUT_BYTES = 256 * 1024
"""How much of what a command says is kept: as much as a model can make use of."""


class Ended(StrEnum):
    """Why a command is over. All but `exited` and `refused` mean that it was killed."""

    EXITED = "exited"
    TIME = "time"
    MEMORY = "memory"
    OUTPUT = "output"
    CANCELLED = "cancelled"
    REFUSED = "refused"


NOT_STARTED = b"the sandbox did not start"
"""With this begins the output of a command that never ran because its walls could not be put up."""


class CommandOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one command ended.

    `exit_code`: None when a signal ended it, or when it never ran (`refused`; `output` then says why). `output`:
    standard output and error as they came, head and tail, with a line between that says how much was left out.
    `leftovers`: processes that outlived the command and had to be killed.
    """

    argv: tuple[str, ...]
    exit_code: int | None
    signal: int
    ended: Ended
    output: bytes
    took_s: float
    leftovers: int

    @property
    def is_success(self) -> bool:
        """It ran to its end and said that all is well."""
        return self.ended is Ended.EXITED and self.exit_code == 0


class Sandbox(Protocol):
    """Runs a command that may write in one folder, and reach nothing else of this machine or of the network."""

    @property
    def name(self) -> str:
        """What holds the walls: `bubblewrap`, `landlock`."""
        ...

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
        """Run `argv` (no shell) in `folder`, which it may write, `.git` there excepted; `cwd` is relative to it.

        `environ` is all that the command's environment gets besides the sandbox's own few names. When the call
        returns or is cancelled, no process of the command is left. Raises InputError for what cannot be a command.
        """
        ...
