"""The one name of a file.

Job: where links inside the workspace lead, also for a file that is not there yet. Not its job: opening it (beneath),
whether it may be written (protected). Two spellings of one file get one name, so that what an attempt changed, and
what a file lease covers, can be looked up by it.
A name is a hint for whoever opens it next: links may change in between, and opening beneath the root is what is safe.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ezaigents.workspace.beneath import check_relative, lies_in, open_folder_beneath, path_of
from ezaigents.workspace.errors import FileMissing, FileUnreadable, NotRegular, PathOutside

_MAX_LINKS = 40
"""Links followed at the end of one path, as in Linux."""


def canonical(root: str | Path, relative: str, *, hidden: Path | None = None) -> str:
    """Name the file that `relative` leads to, relative to `root`, without links, `.` and `..`; "." is the root.

    What is missing of it, folders included, keeps its spelling behind the folder that is there. `hidden`: a folder
    (the data folder) that counts as outside.
    Raises PathOutside, NotRegular when a file stands where a folder is needed, FileUnreadable, FileMissing when the
    root is missing.
    """
    check_relative(relative)
    path = relative
    for _ in range(_MAX_LINKS):
        folder, parts, descriptor = _deepest_folder(root, path)
        try:
            base = _name_of(root, descriptor, relative)
            target = _link_target(descriptor, parts, "/".join(filter(None, (base, *parts[:1]))))
            place = "/".join((path_of(descriptor), *parts))
        finally:
            os.close(descriptor)
        if target:
            if target.startswith("/"):
                raise PathOutside(relative)
            path = "/".join((folder, target, *parts[1:]))
            continue
        if hidden is not None and lies_in(place, hidden):
            raise PathOutside(relative, "lies in the data folder")
        return "/".join(filter(None, (base, *parts))) or "."
    raise FileUnreadable(relative, "a loop of symbolic links")


def _deepest_folder(root: str | Path, path: str) -> tuple[str, list[str], int]:
    """Open the deepest folder on the way to the last part of `path`: its path, what is left, its descriptor."""
    head = [part for part in path.split("/") if part not in {"", "."}]
    left = [head.pop()] if head and head[-1] != ".." else []
    while True:
        folder = "/".join(head) or "."
        try:
            return folder, left, open_folder_beneath(root, folder)
        except FileMissing:
            if not head:
                raise
            left.insert(0, head.pop())
            if ".." in left:
                raise PathOutside(path, "goes up from a folder that is not there") from None


def _name_of(root: str | Path, descriptor: int, relative: str) -> str:
    top = open_folder_beneath(root, ".")
    try:
        above, path = path_of(top).rstrip("/"), path_of(descriptor)
    finally:
        os.close(top)
    if not path:
        raise FileUnreadable(relative, "the system does not tell its name; is /proc mounted?")
    # A removed folder is still open, and Linux marks its path in a way that looks like a name.
    if os.fstat(descriptor).st_nlink == 0:
        raise FileMissing(relative)
    if path != above and not path.startswith(above + "/"):
        raise PathOutside(relative, "was moved out of the workspace while it was looked at")
    return path[len(above) + 1 :]


def _link_target(folder: int, parts: list[str], shown: str) -> str:
    """Where the first of `parts` leads, "" when it is no link. It is no folder when more parts follow."""
    if not parts:
        return ""
    try:
        mode = os.lstat(parts[0], dir_fd=folder).st_mode
    except OSError:
        return ""  # missing, or not even a possible name: whoever opens it is told which
    if stat.S_ISLNK(mode):
        try:
            return os.readlink(parts[0], dir_fd=folder)
        except OSError as error:
            raise FileUnreadable(shown, "was changed while it was looked at") from error
    if len(parts) > 1 and not stat.S_ISDIR(mode):
        raise NotRegular(shown, "not a folder")
    return ""
