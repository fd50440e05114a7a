"""Running a command that can harm nothing but its working copy.

Job: the walls, the limits, and an end to all that was started. Not its job: which commands, and who may ask for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ezaigents.lazy import loader

if TYPE_CHECKING:
    from ezaigents.sandbox.command import ARGV_MOST_BYTES, check_argv, parse_command
    from ezaigents.sandbox.find import find_sandbox
    from ezaigents.sandbox.outcome import NOT_STARTED, OUTPUT_BYTES, CommandOutcome, Ended, Sandbox
    from ezaigents.sandbox.proving import Proof, prove
    from ezaigents.sandbox.walls import DEPENDENCIES

__all__ = [
    "ARGV_MOST_BYTES",
    "DEPENDENCIES",
    "NOT_STARTED",
    "OUTPUT_BYTES",
    "CommandOutcome",
    "Ended",
    "Proof",
    "Sandbox",
    "check_argv",
    "find_sandbox",
    "parse_command",
    "prove",
]

_FILES = {
    "command": ("ARGV_MOST_BYTES", "check_argv", "parse_command"),
    "find": ("find_sandbox",),
    "outcome": ("NOT_STARTED", "OUTPUT_BYTES", "CommandOutcome", "Ended", "Sandbox"),
    "proving": ("Proof", "prove"),
    "walls": ("DEPENDENCIES",),
}

if not TYPE_CHECKING:  # else every misspelt name would pass the type check
    __getattr__ = loader(__name__, _FILES)
