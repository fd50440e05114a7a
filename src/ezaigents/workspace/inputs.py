"""What a user typed as paths.

Job: turn them into paths of the workspace or say what is wrong. Not its job: walking.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ezaigents.codec import printable
from ezaigents.errors import InputError
from ezaigents.workspace.beneath import kind_of
from ezaigents.workspace.errors import PathOutside


def resolve_inputs(root: str | Path, cwd: str | Path, args: Iterable[str], *, home: Path | None = None) -> list[str]:
    """Turn paths as typed in `cwd` into paths relative to `root`.

    Links are resolved, duplicates dropped, the order kept; "" stands for the workspace itself.
    Raises InputError naming a path that is missing, cannot be reached, or is neither file nor folder;
    PathOutside for one outside the workspace or inside the data folder `home`.
    """
    real_root = os.path.realpath(root)
    found: dict[str, None] = {}
    for arg in args:
        real = _resolved(Path(cwd), arg)
        if not _beneath(real, real_root):
            raise PathOutside(arg, f"lies outside the workspace {real_root}")
        if home is not None and _beneath(real, os.path.realpath(home)):
            raise PathOutside(arg, "lies in the data folder")
        relative = os.path.relpath(real, real_root)
        found["" if relative == "." else relative] = None
    return list(found)


def _beneath(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _resolved(cwd: Path, arg: str) -> str:
    if not arg or "\0" in arg:
        raise InputError("path", "a path is empty or holds a NUL character")
    shown = printable(arg)
    try:
        real = os.path.realpath(cwd / arg, strict=True)
        mode = Path(real).stat().st_mode
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            raise InputError("path", f"no such file or folder: {shown!r}") from error
        if error.errno == errno.ELOOP:
            raise InputError("path", f"{shown!r} is a loop of symbolic links") from error
        reason = os.strerror(error.errno or errno.EIO).lower()
        raise InputError("path", f"{shown!r} cannot be reached ({reason})") from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError("path", f"{shown!r} is {kind_of(mode)}, not a file or a folder")
    return real
