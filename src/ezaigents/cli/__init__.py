"""The command line `ez`. Job: parse, call, print. Not its job: anything a library user would want too (client).

This file stays empty of imports: the host's process loads it on its way to `cli.host`.
"""

from __future__ import annotations


def main(argv: list[str] | None = None) -> int:
    """Run `ez` with `argv` (None = the process's own arguments) and return its exit code."""
    from ezaigents.cli.entry import run_command_line

    return run_command_line(argv)
