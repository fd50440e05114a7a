"""Errors as users meet them. Job: one line and an exit code. Not its job: deciding what is an error."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from pathlib import Path

from ezaigents.cli.talk import say_error
from ezaigents.codec import printable
from ezaigents.errors import EzError


def exit_code_of(error: Exception) -> int:
    """Say the error on stderr and return the code to leave with.

    One that nobody foresaw is written down with its traceback, and the line says where; `EZ_DEBUG=1` prints it too.
    """
    if isinstance(error, EzError):
        say_error(printable(str(error)))
        return error.exit_code
    if os.environ.get("EZ_DEBUG") == "1":
        traceback.print_exception(error)
    where = _write_down(error)
    advice = f"the details are in {where}" if where else "run it again with EZ_DEBUG=1 to see the details"
    say_error(f"unexpected error: {printable(f'{type(error).__name__}: {error}')}; {advice}")
    return 1


def _write_down(error: Exception) -> str:
    """Write the traceback beneath the data folder, or where temporary files go; "" when neither can be written."""
    text = "".join(traceback.format_exception(error))
    for folder in _folders():
        path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError:
            continue
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return str(path)
    return ""


def _folders() -> list[Path]:
    from ezaigents.settings import load_settings

    folders = [Path("/tmp")]  # noqa: S108 - opened O_EXCL|O_NOFOLLOW, mode 0600
    with contextlib.suppress(EzError, OSError):
        folders.insert(0, load_settings().home_path / "crashes")
    return folders
