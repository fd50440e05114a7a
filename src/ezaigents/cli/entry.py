"""From a process's arguments to an exit code. Job: every way a command can end, as one line and one number.

Exit codes: 0 ok, 1 a task failed, 2 usage, 3 not running or unreachable, 4 refused by a limit, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from ezaigents.cli.talk import INTERRUPTED, say_error

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


FAILED = 1


class OutputLost(Exception):
    """Nothing can be written where stdout leads: a full disk, or a descriptor that was closed.

    Outside the tree of errors: that is not loaded for `ez --help`, and no command has an answer to this one.
    """


class _Output(io.FileIO):
    """Stdout that tells its own failures from those of any other file."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputLost(f"cannot write the output: {(error.strerror or str(error)).lower()}") from error


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
    except OutputLost as error:
        _forget_stdout()
        say_error(str(error))
        return FAILED
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
    # In this order: each takes the descriptor that was closed, and no file of ours gets it.
    sys.stdin = sys.stdin or os.fdopen(os.open(os.devnull, os.O_RDONLY), "r")
    if sys.stdout is sys.__stdout__:
        sys.stdout = _told(sys.stdout)
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_RDWR), "w")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _told(stdout: TextIO | None) -> TextIO:
    """The same output, telling its failures; for one that was closed, an output that fails at the first word."""
    number = os.open(os.devnull, os.O_RDONLY) if stdout is None else stdout.fileno()
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(number, "w", closefd=False)),
        encoding=stdout.encoding if stdout else "utf-8",
        line_buffering=os.isatty(number),
    )


def _forget_stdout() -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
