"""Patches on stdout. Job: byte for byte in a pipe, coloured and harmless on a terminal. Not its job: making them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ezaigents.cli.talk import say
from ezaigents.client import patch_of
from ezaigents.codec import printable
from ezaigents.records import Task
from ezaigents.workspace import FileMissing

_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m", "d": "\x1b[1m"}
_PLAIN = "\x1b[0m"


def show_patches(tasks: Sequence[Task], home: Path) -> None:
    """Print the patches of tasks, as `git apply` takes them. Raises FileMissing when one is gone."""
    tasks = [msgspec.structs.replace(task, patch=patch_of(task, home)) for task in tasks]
    with_patch = [task for task in tasks if task.patch]
    for task in with_patch:
        data = _read(task, home)
        if sys.stdout.isatty():
            _draw(data)
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
    if not with_patch:
        say("no patch: no file was changed")


def _read(task: Task, home: Path) -> bytes:
    try:
        return (home / task.patch).read_bytes()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise FileMissing(
            task.patch, f"the patch cannot be read ({why}); `ez retry {task.id}` makes it anew"
        ) from error


def _draw(data: bytes) -> None:
    """A changed file may hold what speaks to a terminal: only what can be seen is shown."""
    for line in data.decode("utf-8", "replace").split("\n"):
        shown = printable(line.replace("\t", "    "))
        colour = _COLOURS.get(line[:1], "")
        sys.stdout.write(f"{colour}{shown}{_PLAIN}\n" if colour else f"{shown}\n")
