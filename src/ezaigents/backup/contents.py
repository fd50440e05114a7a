"""What of a data folder is backed up, in which order, and what never is. Job: names, and a walk over them.

The order is what makes it consistent while a fleet works: whatever refers to a file is read before that file. The
engine's state was taken first; then intents before the tasks' folders, a journal before the overlay it speaks of, both
before the blobs, the audit log from its head backwards. Every file only grows, or is replaced whole. So the files may
be newer than what refers to them, as after a crash, and never older.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ezaigents.backup.databases import is_of_database
from ezaigents.backup.manifest import LeftOut
from ezaigents.backup.member import fits
from ezaigents.codec import printable
from ezaigents.errors import ConfigError

KEPT = (
    "id",
    "state",
    "switches.json",
    "applies",
    "tasks",
    "runs",
    "mail",
    "notes",
    "history",
    "ledger",
    "audit",
    "legacy",
    "scorecards",
)
"""Files and folders of the data folder, in the order in which they are read."""
_BACKWARDS = "audit"
LEFT_OUT = {
    "engine.password": "secret; made anew",
    "engine.conf": "secret: holds a hash of the password; made anew",
    "token": "secret: access for programs of this machine",
    "access": "secret: who may reach the API; give access again with `ez token`",
    "worktrees": "working copies, bound to this machine; work in them that no patch has taken is not in the backup",
    "repos": "working copies, bound to this machine",
    "crashes": "tracebacks may quote anything",
    "backups": "backups themselves",
    "appendonlydir": "the engine's log, which is in the backup as the engine's state",
}
"""What is known and not taken along, with the reason."""
_NO_WORD = ("appendonlydir", "backups")
_OF_PROCESSES = re.compile(r"engine\.(sock|log|lock|gate)|hosts|dashboard\.lock|host-.*\.log(\.old)?|\..*")
"""Locks, sockets, logs and drafts: they belong to processes that live now."""
_DRAFT = re.compile(r"\..*\.(part|new)")


class Found(msgspec.Struct, frozen=True):
    """An open file to be backed up."""

    name: str
    descriptor: int
    size_bytes: int
    mtime_s: int


def is_known(name: str) -> bool:
    """Say whether a member of this name belongs into a data folder."""
    return fits(name) and name.split("/", 1)[0] in KEPT


def left_out(home: Path) -> tuple[LeftOut, ...]:
    """What there is in the data folder that a backup does not hold, and why; what is worth no word left aside."""
    found = []
    for name in sorted(path.name for path in home.iterdir()):
        if name in KEPT or name in _NO_WORD or _OF_PROCESSES.fullmatch(name):
            continue
        if name in LEFT_OUT and (not (home / name).is_dir() or any((home / name).iterdir())):
            found.append(_left(name, LEFT_OUT[name]))
        elif name not in LEFT_OUT:
            found.append(_left(name, "nothing that this version makes"))
    return tuple(found)


def walk(home: Path, passed_over: list[LeftOut]) -> Iterator[Found]:
    """Open every file that is kept, one at a time; what is no plain file is noted in `passed_over`.

    A file that is gone when its turn comes was given up by its owner, and is passed over in silence.
    Raises ConfigError naming a file that cannot be read.
    """
    top = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in KEPT:
            yield from _visit(top, name, name, passed_over, backwards=name == _BACKWARDS)
    finally:
        os.close(top)


def _visit(parent: int, entry: str, name: str, passed_over: list[LeftOut], *, backwards: bool) -> Iterator[Found]:
    try:
        descriptor = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EMLINK):
            passed_over.append(_left(name, "is a link or a device, and not one that this version makes"))
            return
        raise ConfigError(
            f"{printable(name)} in the data folder cannot be read: {error.strerror}; a backup without it would not be "
            "whole: make it readable, and try again"
        ) from error
    try:
        facts = os.fstat(descriptor)
        if stat.S_ISDIR(facts.st_mode):
            inside = sorted(os.listdir(descriptor), reverse=backwards)  # noqa: PTH208 - the folder that is open
            for inner in inside:
                if not _DRAFT.fullmatch(inner) and not is_of_database(f"{name}/{inner}"):
                    yield from _visit(descriptor, inner, f"{name}/{inner}", passed_over, backwards=backwards)
        elif not stat.S_ISREG(facts.st_mode):
            passed_over.append(_left(name, "is no plain file"))
        elif not fits(name):
            passed_over.append(_left(name, "has a name that no archive can hold"))
        else:
            yield Found(name, descriptor, facts.st_size, int(facts.st_mtime))
    finally:
        os.close(descriptor)


def _left(name: str, why: str) -> LeftOut:
    """In words that a manifest and a terminal can hold, whatever bytes the name is made of."""
    return LeftOut(printable(name), why)
