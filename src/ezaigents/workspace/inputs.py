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
    return InputResolver(root, cwd, home=home).resolve(args)


class InputResolver:
    """The same for many who ask within one request: a folder is resolved once for all names in it."""

    def __init__(self, root: str | Path, cwd: str | Path, *, home: Path | None = None) -> None:
        self._root = os.path.realpath(root)
        self._cwd = os.fspath(cwd)
        self._home = None if home is None else os.path.realpath(home)
        self._folders: dict[str, str] = {}

    def resolve(self, args: Iterable[str]) -> list[str]:
        """What `resolve_inputs` returns and raises."""
        found: dict[str, None] = {}
        for arg in args:
            real = self._resolved(arg)
            if not _beneath(real, self._root):
                raise PathOutside(arg, f"lies outside the workspace {self._root}")
            if self._home is not None and _beneath(real, self._home):
                raise PathOutside(arg, "lies in the data folder")
            found[real[len(self._root.rstrip("/")) :].lstrip("/")] = None
        return list(found)

    def _resolved(self, arg: str) -> str:
        if not arg or "\0" in arg:
            raise InputError("path", "a path is empty or holds a NUL character")
        try:
            real, mode = self._look(arg if arg.startswith("/") else f"{self._cwd}/{arg}")
        except OSError as error:
            raise _unreachable(printable(arg), error) from error
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise InputError("path", f"{printable(arg)!r} is {kind_of(mode)}, not a file or a folder")
        return real

    def _look(self, path: str) -> tuple[str, int]:
        """The real path and what is there."""
        folder, _, name = path.rpartition("/")
        if name not in ("", ".", ".."):
            real = f"{self._real_folder(folder or '/').rstrip('/')}/{name}"
            mode = os.lstat(real).st_mode
            if not stat.S_ISLNK(mode):
                return real, mode
        real = os.path.realpath(path, strict=True)
        return real, Path(real).stat().st_mode

    def _real_folder(self, folder: str) -> str:
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder, strict=True)
        return self._folders[folder]


def _beneath(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _unreachable(shown: str, error: OSError) -> InputError:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return InputError("path", f"no such file or folder: {shown!r}")
    if error.errno == errno.ELOOP:
        return InputError("path", f"{shown!r} is a loop of symbolic links")
    reason = os.strerror(error.errno or errno.EIO).lower()
    return InputError("path", f"{shown!r} cannot be reached ({reason})")
