"""From a process's arguments to an exit code. Job: every way a command can end, as one line and one number.

Exit codes: 0 ok, 1 a task failed, 2 usage, 3 not running or unreachable, 4 refused by a limit, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys

from ezaigents.cli.talk import INTERRUPTED, say_error


def run_command_line(argv: list[str] | None) -> int:
    """Run one command; nothing but an exit code comes out of it."""
    arguments = sys.argv[1:] if argv is None else argv
    _make_streams_safe()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has had enough of it.
        _forget_stdout()
        return 0
    except KeyboardInterrupt:
        say_error("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last border: a user never sees a traceback
        from ezaigents.cli.failing import exit_code_of

        return exit_code_of(error)
    return code


def _run(arguments: list[str]) -> int:
    if arguments in (["up"], ["up", "--no-dashboard"]):
        # The most usual starts do not wait for the parser.
        from ezaigents.cli.launch import become_host

        become_host()
    from ezaigents.cli.app import invoke

    return invoke(arguments)


def _make_streams_safe() -> None:
    """File names may hold anything, and a terminal may speak ASCII only: show what it can."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
