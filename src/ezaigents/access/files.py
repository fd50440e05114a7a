"""The files of grants. Job: read, write, list and remove them, safely. Not its job: what they permit (access).

`access/<id>` in the data folder, one each, so that hosts and commands never write the same one. A file that somebody
else could have read or made does not count.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ezaigents.access.grant import Grant
from ezaigents.codec import from_json, to_json
from ezaigents.errors import ConfigError, RetryLater
from ezaigents.workspace import write_whole

TOKEN_FILE = "token"  # noqa: S105 - a file's name
_FOLDER = "access"
_ID = re.compile(r"[0-9a-f]{12}\Z")
_MOST_BYTES = 4096
_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})


class GrantFiles:
    """The grants of one data folder."""

    def __init__(self, home: Path) -> None:
        self._folder = home / _FOLDER
        self.token_path = home / TOKEN_FILE

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While this lasts, no other process is within. Raises ConfigError naming the folder."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(f"{self._folder} cannot be used: {error.strerror}; no access was given") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def read(self, grant_id: str) -> Grant | None:
        """One grant; None when there is none, or its file is not ours alone."""
        if not _ID.match(grant_id):
            return None
        data = _read_own(self._folder / grant_id)
        try:
            return None if data is None else from_json(data, Grant)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def write(self, grant: Grant) -> None:
        """Keep a grant; it is on the disk when this returns. Raises ConfigError naming the file."""
        path = self._folder / grant.id
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, to_json(grant))
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}; no access was given") from error

    def remove(self, grant_id: str) -> bool:
        """Take one away; False when it was not there. Of two who try, one gets True."""
        if not _ID.match(grant_id):
            return False
        try:
            (self._folder / grant_id).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ConfigError(f"{self._folder / grant_id} cannot be removed: {error.strerror}") from error
        return True

    def all(self) -> list[Grant]:
        """Every grant, oldest first."""
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(f"{self._folder} cannot be read: {error.strerror}; nobody has access") from error
        found = [grant for name in names if (grant := self.read(name)) is not None]
        return sorted(found, key=lambda grant: (grant.made_ms, grant.id))

    def read_token(self) -> str:
        """The text in the file `token`; "" when there is none, or it is not ours alone."""
        data = _read_own(self.token_path)
        return "" if data is None else data.decode("ascii", "replace").strip()

    def write_token(self, text: str) -> None:
        """Keep the text that programs of this machine present. Raises ConfigError naming the file."""
        try:
            write_whole(self.token_path, f"{text}\n".encode())
        except OSError as error:
            raise ConfigError(f"{self.token_path} cannot be written: {error.strerror}") from error

    def forget_token(self) -> None:
        """Remove the file `token`."""
        with contextlib.suppress(FileNotFoundError):
            self.token_path.unlink()


def _read_own(path: Path) -> bytes | None:
    """A file's content where it is a regular one of ours, closed to others.

    Raises RetryLater where it cannot be looked at now: who cannot be known is not to be told that he is nobody.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _PASSING:
            raise RetryLater(f"{path.name} cannot be read now: {error.strerror}; try again") from error
        return None
    try:
        facts = os.fstat(descriptor)
        own = stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o077
        return os.read(descriptor, _MOST_BYTES) if own else None
    finally:
        os.close(descriptor)
