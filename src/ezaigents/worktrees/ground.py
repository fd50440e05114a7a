"""The files of a working copy, reached without following a link. Job: look, put, take away, beneath one folder.

Commands have been at work here: any name may have become a link that leads out, and the host writes with more rights
than they had. So each folder on the way is opened by itself, from the one above it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_BEING_WRITTEN = ".ez-being-written"
_WINDOW_BYTES = 256 * 1024
PERMISSIONS = 0o777


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """How a file was left: what the system says of it, and its content.

    `digest`: SHA-256; of a link the target, after "-> ". The change time is what a command cannot set.
    """

    mode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: str

    def is_untouched(self, facts: os.stat_result) -> bool:
        """Say whether nothing can have been written since."""
        return (self.mode, self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode) == (
            facts.st_mode,
            facts.st_size,
            facts.st_mtime_ns,
            facts.st_ctime_ns,
            facts.st_ino,
        )

    def is_same(self, other: Mark | None) -> bool:
        """Say whether it is the same file for a person: content and permissions."""
        return other is not None and (self.mode, self.digest) == (other.mode, other.digest)


def marked(facts: os.stat_result, digest: str) -> Mark:
    """The mark of a file with this content."""
    return Mark(facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, digest)


class Ground:
    """One working copy's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def facts(self, path: str) -> os.stat_result | None:
        """What stands at `path`, itself and not what it points to; None: nothing."""
        with _NothingThere(), self._above(path) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        return None

    def mark(self, path: str) -> Mark | None:
        """Read the file or link at `path`; None where there is neither."""
        with _NothingThere(), self._above(path) as (folder, name):
            return _read(folder, name)
        return None

    def content(self, path: str, most_bytes: int) -> bytes | None:
        """The content of a regular file; None where it is none (any more) or larger."""
        with self._above(path) as (folder, name):
            file = os.open(name, _FILE, dir_fd=folder)
        with os.fdopen(file, "rb") as opened:
            facts = os.fstat(file)
            if not stat.S_ISREG(facts.st_mode):
                return None
            content = opened.read(most_bytes + 1)
        return content if len(content) <= most_bytes else None

    def put(self, path: str, windows: Iterator[bytes], permissions: int) -> Mark:
        """Write a file whole, whatever stood there."""
        digest = hashlib.sha256()
        with self._above(path, make=True) as (folder, name):
            _clear(folder, _BEING_WRITTEN)
            with os.fdopen(os.open(_BEING_WRITTEN, _NEW, 0o600, dir_fd=folder), "wb") as file:
                for window in windows:
                    digest.update(window)
                    file.write(window)
                file.flush()
                os.fchmod(file.fileno(), permissions & PERMISSIONS)
            _clear_folder(folder, name)
            os.rename(_BEING_WRITTEN, name, src_dir_fd=folder, dst_dir_fd=folder)
            return marked(os.stat(name, dir_fd=folder, follow_symlinks=False), digest.hexdigest())

    def put_link(self, path: str, target: str) -> Mark:
        """Make a symbolic link, whatever stood there; where it leads is not looked at."""
        with self._above(path, make=True) as (folder, name):
            _clear(folder, name)
            os.symlink(target, name, dir_fd=folder)
            return marked(os.stat(name, dir_fd=folder, follow_symlinks=False), f"-> {target}")

    def remove(self, path: str) -> None:
        """Take away what stands at `path`, and the folders above it that are empty then."""
        with _NothingThere():
            with self._above(path) as (folder, name):
                _clear(folder, name)
            parent = path.rpartition("/")[0]
            while parent:
                with self._above(parent) as (folder, name):
                    os.rmdir(name, dir_fd=folder)
                parent = parent.rpartition("/")[0]

    @contextlib.contextmanager
    def _above(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Hold the folder of `path`; `make`: what is in the way of it is replaced by folders."""
        *parts, name = path.split("/")
        here = os.open(self.root, _FOLDER)
        try:
            for part in parts:
                below = _entered(here, part, make=make)
                os.close(here)
                here = below
            yield here, name
        finally:
            os.close(here)


class _NothingThere:
    """Passes over what says that a name, or a folder on the way to it, is not there, or that a folder is not empty."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        gone = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENOTEMPTY}
        return isinstance(error, OSError) and error.errno in gone


def _entered(here: int, part: str, *, make: bool) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=here)
    except OSError as error:
        if not make or error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            raise
    _clear(here, part)
    os.mkdir(part, 0o755, dir_fd=here)
    return os.open(part, _FOLDER, dir_fd=here)


def _clear(folder: int, name: str) -> None:
    _clear_folder(folder, name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _clear_folder(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=folder)


def _read(folder: int, name: str) -> Mark | None:
    facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(facts.st_mode):
        return marked(facts, f"-> {os.readlink(name, dir_fd=folder)}")
    if not stat.S_ISREG(facts.st_mode):
        return None
    with os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb", buffering=0) as file:
        facts = os.fstat(file.fileno())
        digest = hashlib.sha256()
        while window := file.read(_WINDOW_BYTES):
            digest.update(window)
    return marked(facts, digest.hexdigest())


def windows_of(descriptor: int) -> Iterator[bytes]:
    """Read a descriptor to its end, and close it."""
    try:
        while window := os.read(descriptor, _WINDOW_BYTES):
            yield window
    finally:
        os.close(descriptor)
