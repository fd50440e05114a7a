"""What may be run at all. Job: text to argv, and what an argv must be. Not its job: whether it is allowed, running it.

There is no shell: what a shell would act on is refused with a way out, never handed on as an argument by mistake.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from ezaigents.errors import InputError

ARGV_MOST_BYTES = 64 * 1024
"""More than this is content, and belongs in a file."""
_OPERATOR = re.compile(r"[;|&<>`\n]|\$\(")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def parse_command(text: str) -> tuple[str, ...]:
    """Split one line as a shell would, quotes and backslashes honoured. Raises InputError, also for shell operators."""
    operator = _operator_in(text)
    if operator:
        raise InputError(
            "command",
            f"holds {operator!r}, and there is no shell to act on it; "
            "put the steps into a script of the workspace and run that: sh check.sh",
        )
    try:
        argv = tuple(shlex.split(text))
    except ValueError as error:
        raise InputError("command", f"cannot be split into words ({error}); close the quotes") from error
    check_argv(argv)
    return argv


def check_argv(argv: Sequence[str]) -> None:
    """Raise InputError unless `argv` can be handed to the system as it is."""
    if isinstance(argv, str | bytes) or not argv or not all(isinstance(word, str) for word in argv):
        raise InputError("command", "is a list of words, the program first, such as ['make', 'test']")
    if not argv[0]:
        raise InputError("command", "names no program")
    size_bytes = sum(_size(word) for word in argv)
    if size_bytes > ARGV_MOST_BYTES:
        raise InputError(
            "command", f"is {size_bytes:,} bytes long, limit {ARGV_MOST_BYTES:,}; put the text into a file"
        )


def check_environ(environ: Mapping[str, str]) -> None:
    """Raise InputError unless every name and value can stand in an environment."""
    for name, value in environ.items():
        if not _NAME.match(name):
            raise InputError("environ", f"{name!r} is no name of a variable")
        _size(value)


def check_folder(cwd: str) -> None:
    """Raise InputError unless `cwd` is "" or names a folder beneath the working copy."""
    _size(cwd)
    if cwd.startswith("/") or ".." in cwd.split("/"):
        raise InputError("cwd", f"{cwd!r} is not relative to the workspace; name a folder in it")


def _size(word: str) -> int:
    if "\0" in word:
        raise InputError("command", "holds a NUL character")
    try:
        return len(word.encode("utf-8", "surrogateescape")) + 1
    except UnicodeEncodeError as error:
        raise InputError("command", "holds a character that no argument can hold") from error


def _operator_in(text: str) -> str:
    """The first shell operator outside of quotes, "" when there is none; in double quotes a shell still expands."""
    bare = re.sub(r"\\.|'[^']*'", " ", text, flags=re.DOTALL)
    expanded = re.search(r"`|\$\(", bare)
    if expanded:
        return expanded.group()
    found = _OPERATOR.search(re.sub(r'"[^"]*"', " ", bare).strip())
    return found.group() if found else ""
