"""Renames that never overwrite. Job: two system calls, and what stands in for them. Not its job: what is compared.

`swap` and `put` are renameat2 with RENAME_EXCHANGE and RENAME_NOREPLACE. Where a kernel or a file system lacks it,
`swap` is a link and two renames: what somebody renames onto the target between the first two is lost, so the caller
looks at the target directly before; `put` is a link and an unlink, which never overwrites either. A crash in between
leaves a second name, which `settle` takes away. Source: renameat2(2), Linux man-pages 6.
"""

from __future__ import annotations

import contextlib
import errno
import os

_NOREPLACE = 1
_EXCHANGE = 2
_SPARE = ".old"
"""Appended to a staged file's name: the target's second name during a swap without renameat2."""
_LACKING = frozenset({errno.ENOSYS, errno.EINVAL})


def swap(folder: int, staged: str, target: str) -> None:
    """Exchange two names beneath the descriptor `folder`. Raises FileNotFoundError when one of them is missing."""
    try:
        _renameat2(folder, staged, target, _EXCHANGE)
    except OSError as error:
        if error.errno not in _LACKING:
            raise
        _swap_by_links(folder, staged, target)


def put(folder: int, source: str, target: str) -> None:
    """Rename `source` to `target` beneath the descriptor `folder`. Raises FileExistsError, FileNotFoundError."""
    try:
        _renameat2(folder, source, target, _NOREPLACE)
    except OSError as error:
        if error.errno not in _LACKING:
            raise
        os.link(source, target, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        os.unlink(source, dir_fd=folder)


def settle(folder: int, staged: str, target: str) -> None:
    """Finish or undo what a crash left of a `swap` or a `put` without renameat2; do nothing where there was none."""
    if _is_same(folder, staged, target):
        os.unlink(staged, dir_fd=folder)
    spare = staged + _SPARE
    if _is_same(folder, spare, target) or _is_same(folder, spare, staged):
        os.unlink(spare, dir_fd=folder)
    with contextlib.suppress(FileNotFoundError):
        os.rename(spare, staged, src_dir_fd=folder, dst_dir_fd=folder)


def _swap_by_links(folder: int, staged: str, target: str) -> None:
    spare = staged + _SPARE
    os.link(target, spare, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    try:
        os.rename(staged, target, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(spare, dir_fd=folder)
        raise
    os.rename(spare, staged, src_dir_fd=folder, dst_dir_fd=folder)


def _is_same(folder: int, one: str, two: str) -> bool:
    try:
        first, second = (os.stat(name, dir_fd=folder, follow_symlinks=False) for name in (one, two))
    except OSError:
        return False
    return os.path.samestat(first, second)


def _renameat2(folder: int, source: str, target: str, flags: int) -> None:
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, "no renameat2 here")
    if call(folder, os.fsencode(source), folder, os.fsencode(target), flags) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)
