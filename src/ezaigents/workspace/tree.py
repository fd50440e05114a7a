"""The workspace's folders and files, reached without following a link.

Job: open a folder beneath the root component by component, say what stands at a name, make and remove folders.
Not its job: reading for an agent (beneath, which follows links that stay inside), deciding what is written.
No descriptor outlives a call: a folder that was moved away since is not written to.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from ezaigents.workspace.beneath import kind_of
from ezaigents.workspace.changes import FileState
from ezaigents.workspace.errors import FileMissing, FileRefused, PathOutside
from ezaigents.workspace.windows import WINDOW_BYTES

PERMISSIONS = 0o777
"""The bits of a mode that are kept: neither set-user-id nor its kin is ever carried over."""
_FOLDER_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW

Step = Callable[[str], None]
"""Told in words what the next system call will change. A place for tests to stop or to die at."""

Seen = FileState | str | None
"""What stands at a name: a file, something else (in words: "a folder"), or nothing."""


class WayBlocked(FileRefused):
    """A folder on the way to a file is something else, or may not be entered."""


class Tree:
    """One workspace. `hidden`: the data folder, which counts as outside even where it lies beneath the root."""

    def __init__(self, root: Path, hidden: Path | None) -> None:
        self.root = root
        self.hidden = hidden

    @contextlib.contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """Hold a descriptor of the folder `path`, "" for the root.

        Raises FileNotFoundError, WayBlocked, PathOutside for the data folder, FileMissing when the root is gone.
        """
        here = self._open_root()
        try:
            passed = ""
            for part in path.split("/") if path else ():
                passed = f"{passed}/{part}" if passed else part
                above, here = here, self._enter(here, part, passed)
                os.close(above)
            yield here
        finally:
            os.close(here)

    def make(self, path: str, step: Step) -> list[str]:
        """Make the folder `path` and those above it where they are missing; say which, from the top."""
        made: list[str] = []
        for missing in self.missing(path):
            with self.folder(parent_of(missing)) as above, contextlib.suppress(FileExistsError):
                step(f"make folder {missing}")
                os.mkdir(name_of(missing), dir_fd=above)
                made.append(missing)
        return made

    def missing(self, path: str) -> list[str]:
        """Which of the folder `path` and those above it are missing, from the top. Raises as `folder`."""
        found: list[str] = []
        while path:
            with contextlib.suppress(FileNotFoundError), self.folder(path):
                break
            found.append(path)
            path = parent_of(path)
        return found[::-1]

    def remove_empty(self, path: str, step: Step) -> bool:
        """Remove the folder `path` if it is empty; say whether it is gone."""
        try:
            with self.folder(parent_of(path)) as above:
                step(f"remove folder {path}")
                os.rmdir(name_of(path), dir_fd=above)
        except FileNotFoundError:
            return True
        except (OSError, FileRefused):
            return False
        return True

    def sync(self, path: str) -> None:
        """Make the names in the folder `path` outlive a power cut; nothing to do where it is no folder any more."""
        with contextlib.suppress(FileNotFoundError, WayBlocked), self.folder(path) as folder:
            os.fsync(folder)

    def _open_root(self) -> int:
        try:
            return os.open(self.root, _FOLDER_FLAGS & ~os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise FileMissing(str(self.root), "the workspace is gone") from error

    def _enter(self, above: int, part: str, path: str) -> int:
        if part in {"", ".", ".."}:
            raise PathOutside(path)
        try:
            folder = os.open(part, _FOLDER_FLAGS, dir_fd=above)
        except OSError as error:
            raise _blocked(above, part, path, error) from error
        if self._is_hidden(folder):
            os.close(folder)
            raise PathOutside(path, "lies in the data folder")
        return folder

    def _is_hidden(self, folder: int) -> bool:
        if self.hidden is None:
            return False
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(folder), self.hidden.stat())
        return False


def _blocked(above: int, part: str, path: str, error: OSError) -> OSError | WayBlocked:
    if error.errno == errno.ENOENT:
        return error
    if error.errno in {errno.ENOTDIR, errno.ELOOP}:
        with contextlib.suppress(OSError):
            kind = kind_of(os.stat(part, dir_fd=above, follow_symlinks=False).st_mode)
            return WayBlocked(path, f"is {kind}, not a folder")
    return WayBlocked(path, f"cannot be entered ({reason_of(error)})")


def reason_of(error: OSError) -> str:
    """The system's own words for an error, in lower case."""
    return os.strerror(error.errno or errno.EIO).lower()


def parent_of(path: str) -> str:
    """The folder of a path; "" for the root."""
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """The last component of a path."""
    return path.rpartition("/")[2]


def look(folder: int, name: str, copy_to: Callable[[bytes], object] | None = None) -> Seen:
    """Say what stands at `name` beneath the descriptor `folder`; each window of its content goes to `copy_to`.

    Raises OSError.
    """
    try:
        file = os.open(name, _FILE_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        return f"a file that cannot be read ({reason_of(error)})"
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENXIO}:
            raise
        return kind_of(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            return kind_of(mode)
        sha256, size_bytes = _hashed(file, copy_to)
        return FileState(sha256, mode & PERMISSIONS, size_bytes)
    finally:
        os.close(file)


def _hashed(file: int, copy_to: Callable[[bytes], object] | None) -> tuple[str, int]:
    digest = hashlib.sha256()
    size_bytes = 0
    while window := os.read(file, WINDOW_BYTES):
        digest.update(window)
        size_bytes += len(window)
        if copy_to is not None:
            copy_to(window)
    return digest.hexdigest(), size_bytes
