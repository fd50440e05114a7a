"""Writing an archive: whole or not at all. Job: a draft beside the target, members, digests, fsync, then its name.

Written bytes are brought to the disk piece by piece: were they left to pile up, the fsyncs of an engine on the same
disk would wait for all of them at once.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ezaigents.backup.errors import NoRoom
from ezaigents.backup.member import BLOCK, Member, header_of, padding_of
from ezaigents.backup.tail import tail_of
from ezaigents.errors import ConfigError, InputError, RetryLater
from ezaigents.workspace import sync_folder

Progress = Callable[[int], None]
"""Told how many bytes are done so far."""
_PIECE_BYTES = 256 * 1024
_SYNC_EVERY_BYTES = 1024 * 1024
_PAUSE_LEAST_S, _PAUSE_MOST_S = 0.005, 0.1
_DRAFT_END = ".ez-part"
_DRAFT_YOUNG_S = 60.0
"""One that was made a moment ago may not have been locked yet."""
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""A disk that knows no second name for a file, such as a stick."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ArchiveWriter:
    """`with ArchiveWriter(target) as archive:` add members, then `finish()`; left without it, nothing remains.

    `others`: names to take instead, in turn, where somebody else was first; `target` is the one it got in the end.
    Raises InputError when something of each name is there, ConfigError or NoRoom when it cannot be written.
    """

    def __init__(self, target: Path, progress: Progress = lambda done: None, others: Sequence[Path] = ()) -> None:
        self.target = target
        self._others = others
        self.written_bytes = 0
        self.members = 0
        self._progress = progress
        self._headers = hashlib.sha256()
        self._unsynced = 0
        self._draft = target.with_name(f".{target.name}.{os.urandom(4).hex()}{_DRAFT_END}")
        self._file = -1

    def __enter__(self) -> Self:
        if not self._others:
            refuse_existing(self.target)
        with self._translated():
            _clear_drafts(self.target.parent)
            self._file = os.open(self._draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._draft.unlink(missing_ok=True)
        if self._file >= 0:
            os.close(self._file)

    def add(self, name: str, content: bytes, *, mtime_s: int = 0) -> None:
        """Add a small member."""
        member = Member(name=name, size_bytes=len(content), digest=hashlib.sha256(content).hexdigest(), mtime_s=mtime_s)
        header = header_of(member)
        self._note(header)
        self._write(header + content + b"\0" * padding_of(len(content)))

    def add_file(self, name: str, descriptor: int, size_bytes: int, *, mtime_s: int = 0) -> None:
        """Add the first `size_bytes` of an open file, however it grows meanwhile. Raises RetryLater when it shrank."""
        if size_bytes <= _PIECE_BYTES:
            content = os.pread(descriptor, size_bytes, 0) if size_bytes else b""
            if len(content) != size_bytes:
                raise _shrank(name)
            self.add(name, content, mtime_s=mtime_s)
            return
        at, digest, done = self.written_bytes, hashlib.sha256(), 0
        self._write(b"\0" * BLOCK)
        while done < size_bytes:
            piece = os.pread(descriptor, min(_PIECE_BYTES, size_bytes - done), done)
            if not piece:
                raise _shrank(name)
            digest.update(piece)
            self._write(piece)
            done += len(piece)
        self._write(b"\0" * padding_of(size_bytes))
        header = header_of(Member(name=name, size_bytes=size_bytes, digest=digest.hexdigest(), mtime_s=mtime_s))
        self._note(header)
        with self._translated():
            os.pwrite(self._file, header, at)

    def finish(self) -> None:
        """Close the archive, bring it to the disk, and only then give it its name."""
        self._write(tail_of(self._headers.hexdigest()))
        with self._translated():
            os.fsync(self._file)
            for name in (self.target, *self._others):
                if _has_named(self._draft, name):
                    self.target = name
                    break
            else:
                raise _existing(self.target)
            sync_folder(self.target.parent)

    def _note(self, header: bytes) -> None:
        self._headers.update(header)
        self.members += 1

    def _write(self, data: bytes) -> None:
        with self._translated():
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
            self._unsynced += len(data)
            if self._unsynced >= _SYNC_EVERY_BYTES:
                began_s = time.monotonic()
                _to_the_disk(self._file)
                self._unsynced = 0
                # As long again as the disk was ours it is left to others, so that their waits do not add up.
                time.sleep(max(_PAUSE_LEAST_S, min(time.monotonic() - began_s, _PAUSE_MOST_S)))
        self.written_bytes += len(data)
        self._progress(self.written_bytes)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise NoRoom(self.target, error.strerror or "no room") from error
            raise ConfigError(
                f"{self.target} cannot be written: {error.strerror}; name a file in a folder of yours"
            ) from error


def refuse_existing(target: Path) -> None:
    """Raise InputError where something has this name already: no backup replaces another."""
    if os.path.lexists(target):
        raise _existing(target)


def _existing(target: Path) -> InputError:
    return InputError("FILE", f"{target} is there already; name a new file, or move that one away")


def _has_named(draft: Path, target: Path) -> bool:
    """Give the draft its name unless something has it; say whether it was given."""
    try:
        os.link(draft, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            return False
        draft.rename(target)
    else:
        draft.unlink()
    return True


def _clear_drafts(folder: Path) -> None:
    """Remove what backups that were killed have left here; a living one holds its draft."""
    for path in folder.glob(f".*{_DRAFT_END}"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_mtime < time.time() - _DRAFT_YOUNG_S:
                    path.unlink()
            finally:
                os.close(descriptor)


def _to_the_disk(descriptor: int) -> None:
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _shrank(name: str) -> RetryLater:
    return RetryLater(f"{name} became shorter while it was copied, so this backup would not be whole; try again")
