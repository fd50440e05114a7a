"""Opening a file or a folder beneath a root, whatever its name, links and races are.

Job: a descriptor of a regular file, or of a folder, that lies beneath the root at the moment of opening, or a typed
refusal. Not its job: reading it (windows), finding it (walk), naming it (naming), writing (applying).
Two ways with the same answers: openat2 with RESOLVE_BENEATH where the kernel has it, else a walk that holds a
descriptor of each folder on the way. Links inside the workspace are followed, absolute links are refused.
Source: openat2(2), Linux man-pages 6.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ezaigents.workspace.errors import FileMissing, FileRefused, FileUnreadable, NotRegular, PathOutside

_SYS_OPENAT2 = 437
"""The same number on every architecture: openat2 came after the tables were unified."""
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RACE_RETRIES = 16
"""openat2 answers EAGAIN when a folder was renamed under it; more than a few in a row is no accident."""
_MAX_LINKS = 40
"""Links followed in one path, as in Linux."""
# O_NONBLOCK: a FIFO without a writer must not hold us. O_NOCTTY: a terminal must not become ours.
_FILE_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
# O_PATH: a folder that may be passed through and not listed is enough on the way to a file.
_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC | os.O_DIRECTORY

_Opener = Callable[[str, str, int, bool], int]


def open_beneath(root: str | Path, relative: str, *, hidden: Path | None = None, links: bool = True) -> int:
    """Open a regular file beneath `root` for reading and return its descriptor, which the caller closes.

    `relative` may hold `..` and links as long as none leads out. `hidden`: a folder (the data folder) that
    counts as outside even where it lies beneath the root.
    Raises PathOutside, FileMissing, NotRegular, FileUnreadable.
    """
    return _opened(root, relative, hidden, _open_by_kernel, links)


def open_by_walk(root: str | Path, relative: str, *, hidden: Path | None = None, links: bool = True) -> int:
    """Do as `open_beneath`, never asking for openat2: what other systems and older kernels get."""
    return _opened(root, relative, hidden, _open_by_walk, links)


def open_folder_beneath(root: str | Path, relative: str) -> int:
    """Open a folder beneath `root`, "." for the root itself, to go on from its descriptor, not to list it.

    Raises PathOutside, FileMissing (also when it is no folder), FileUnreadable.
    """
    check_relative(relative)
    try:
        return _open_by_kernel(str(root), relative, _FOLDER_FLAGS, True)
    except OSError as error:
        raise _refusal(relative, error) from error


def check_relative(relative: str) -> None:
    """Raise PathOutside for what names nothing beneath any root."""
    if not relative or "\0" in relative:
        raise PathOutside(relative, "is empty" if not relative else "holds a NUL character")
    if relative.startswith("/"):
        raise PathOutside(relative)
    try:
        os.fsencode(relative)
    except UnicodeEncodeError as error:
        raise PathOutside(relative, "holds a character that no file name can hold") from error


def _opened(root: str | Path, relative: str, hidden: Path | None, opener: _Opener, links: bool) -> int:
    check_relative(relative)
    try:
        descriptor = opener(str(root), relative, _FILE_FLAGS, links)
    except OSError as error:
        raise _refusal(relative, error) from error
    try:
        _check(descriptor, relative, hidden)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(descriptor: int, relative: str, hidden: Path | None) -> None:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        raise NotRegular(relative, f"not a file but {kind_of(mode)}")
    if hidden is not None and lies_in(path_of(descriptor), hidden):
        raise PathOutside(relative, "lies in the data folder")


def kind_of(mode: int) -> str:
    """Say in words what kind of thing a mode (st_mode) belongs to."""
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISLNK, "a symbolic link"),
    )
    return next((words for test, words in kinds if test(mode)), "a special file")


def lies_in(path: str, folder: Path) -> bool:
    """Say whether a path without links is that of `folder` or of something in it."""
    return f"{path}/".startswith(os.path.realpath(folder).rstrip("/") + "/")


def path_of(descriptor: int) -> str:
    """The absolute path, without links, of what is open; "" where the system cannot tell."""
    try:
        import fcntl

        get_path = getattr(fcntl, "F_GETPATH", None)
        if get_path is not None:
            return os.fsdecode(fcntl.fcntl(descriptor, get_path, bytes(1024)).rstrip(b"\0"))
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return ""


def _refusal(relative: str, error: OSError) -> PathOutside | FileRefused:
    if error.errno == errno.EXDEV:
        return PathOutside(relative)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return FileMissing(relative)
    if error.errno == errno.ELOOP:
        return FileUnreadable(relative, "a loop of symbolic links")
    if error.errno == errno.ENXIO:
        return NotRegular(relative, "not a file but a socket or a device")
    return FileUnreadable(relative, f"cannot be read ({os.strerror(error.errno or errno.EIO).lower()})")


def _open_by_kernel(root: str, relative: str, flags: int, links: bool) -> int:
    folder = os.open(root, _FOLDER_FLAGS)
    try:
        for _ in range(_RACE_RETRIES):
            try:
                return _openat2(folder, relative, flags, links)
            except OSError as error:
                # EPERM: sandboxes that do not know the call refuse it so; the walk gives the true answer.
                if error.errno in {errno.ENOSYS, errno.EPERM}:
                    break
                if error.errno not in {errno.EAGAIN, errno.EINTR}:
                    raise
    finally:
        os.close(folder)
    return _open_by_walk(root, relative, flags, links)


def _openat2(folder: int, relative: str, flags: int, links: bool) -> int:
    import sys

    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "no openat2 here")
    import ctypes

    # struct open_how: flags, mode, resolve; each 64 bits.
    how = (ctypes.c_uint64 * 3)(
        flags, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS | (0 if links else _RESOLVE_NO_SYMLINKS)
    )
    answer: int = _syscall()(
        ctypes.c_long(_SYS_OPENAT2),
        ctypes.c_int(folder),
        ctypes.c_char_p(os.fsencode(relative)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


@cache
def _syscall() -> Callable[..., int]:
    # Kept because looking it up costs as much as the call; nothing in it changes.
    import ctypes

    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return call


def _open_by_walk(root: str, relative: str, last_flags: int, links: bool) -> int:
    """Go component by component, holding every folder passed, so that `..` leads to where we came from."""
    folders = [os.open(root, _FOLDER_FLAGS)]
    pending = relative.split("/")[::-1]
    followed = 0
    try:
        while True:
            name = pending.pop()
            is_last = not pending
            if name == "..":
                if len(folders) == 1:
                    raise OSError(errno.EXDEV, "leads out")
                os.close(folders.pop())
            elif name not in {"", "."}:
                try:
                    flags = last_flags if is_last else _FOLDER_FLAGS
                    descriptor = os.open(name, flags | os.O_NOFOLLOW, dir_fd=folders[-1])
                except OSError as error:
                    target = _link_target(name, folders[-1])
                    if target is None:
                        raise
                    followed += 1
                    if not links or followed > _MAX_LINKS:
                        raise OSError(errno.ELOOP, "too many links") from error
                    if target.startswith("/"):
                        raise OSError(errno.EXDEV, "leads out") from error
                    pending.extend(target.split("/")[::-1])
                    continue
                if is_last:
                    return descriptor
                folders.append(descriptor)
            if is_last:
                return os.dup(folders[-1])
    finally:
        for folder in folders:
            os.close(folder)


def _link_target(name: str, folder: int) -> str | None:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None
