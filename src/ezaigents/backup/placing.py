"""Putting what was unpacked in its place, and taking it back. Job: over nothing, and which entries this restore placed.

Before the first entry is moved, a record beside them says which they are, by the numbers that the file system knows
them by: moving keeps those. So what is taken back is what this restore placed, also after a kill in between, and never
what came to be there otherwise.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import msgspec

from ezaigents.backup.contents import KEPT
from ezaigents.backup.enginelog import LOG_FOLDER
from ezaigents.codec import from_json, to_json
from ezaigents.errors import ConfigError
from ezaigents.workspace import sync_folder

_RECORD = "placing"
_ENTRIES = (*KEPT, LOG_FOLDER)
_IN_THE_WAY = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR})


def put_in_place(home: Path, staged: Path) -> None:
    """Move every entry to where it belongs. Raises ConfigError where something is there, having moved some or none."""
    names = [name for name in _ENTRIES if os.path.lexists(staged / name)]
    _write(staged.parent / _RECORD, to_json({name: (staged / name).lstat().st_ino for name in names}))
    for name in names:
        if os.path.lexists(home / name):
            raise _in_the_way(home / name)
    for name in names:
        _move(staged / name, home / name)
    sync_folder(home)


def placed(home: Path, restoring: Path) -> list[str]:
    """The entries of the data folder that the restore in `restoring` has placed there."""
    try:
        record = from_json((restoring / _RECORD).read_bytes(), dict[str, int])
    except (FileNotFoundError, msgspec.DecodeError):
        return []
    return [name for name in _ENTRIES if name in record and _number(home / name) == record[name]]


def take_back(home: Path, restoring: Path) -> None:
    """Remove from the data folder what `placed` names, and then the record."""
    for name in placed(home, restoring):
        remove(home / name)
    if (restoring / _RECORD).exists():
        sync_folder(home)
        (restoring / _RECORD).unlink()


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; nothing where nothing is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _move(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            source.rename(target)  # which the system does over nothing but an empty folder
        else:
            os.link(source, target, follow_symlinks=False)
            source.unlink()
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            raise _in_the_way(target) from error
        raise


def _in_the_way(target: Path) -> ConfigError:
    return ConfigError(
        f"{target} came to be there during the restore, which never overwrites: set EZ_HOME to a new folder, or stop "
        "what uses this one with `ez down` and move it away"
    )


def _number(path: Path) -> int:
    try:
        return path.lstat().st_ino
    except FileNotFoundError:
        return -1


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk."""
    draft = path.with_name(f"{path.name}.part")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
