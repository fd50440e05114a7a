"""What the user trusts. Job: remember the content hashes of workspace files that may take effect.

A workspace comes from elsewhere as often as not, and a file in it could send a key to its author, or have his code run.
So trust is bound to content: any change of the file ends it. The list is the user's own, outside every workspace, and
for him alone. Not its job: which files need it (settings, roster, providers).
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from ezaigents.errors import ConfigError

_FILE_MOST_BYTES = 1024 * 1024


class Trust:
    """The list in `folder`, the user's own: a line `sha256 path` for each content. Read anew at each question."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "trusted"

    def is_trusted(self, path: Path, data: bytes) -> bool:
        """Whether the user said that this file may take effect with this content. Raises ConfigError."""
        return _line(path, data) in self._lines()

    def add(self, path: Path, data: bytes) -> None:
        """Trust this content of the file. Raises ConfigError when the list cannot be written."""
        lines = self._lines()
        if (line := _line(path, data)) in lines:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._replace(b"".join(one + b"\n" for one in (*lines, line)))
        except OSError as error:
            raise ConfigError(f"{self._file} cannot be written: {error.strerror}; nothing new is trusted") from error

    def _replace(self, data: bytes) -> None:
        draft = self._file.with_name(f".trusted.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _lines(self) -> list[bytes]:
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(f"{self._file} cannot be read: {error.strerror}; remove it, and trust anew") from error
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            private = stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o077
            if not private:
                raise ConfigError(f"{self._file} is not a file of yours alone; remove it, and trust anew")
            return file.read(_FILE_MOST_BYTES).splitlines()


def _line(path: Path, data: bytes) -> bytes:
    whole = path.parent.resolve() / path.name  # however the user spelt it; a link as the file itself stays one
    name = os.fsencode(whole).replace(b"\n", b"?")
    return hashlib.sha256(data).hexdigest().encode() + b" " + name
