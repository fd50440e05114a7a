"""The contents that the attempts of one task share, each under the SHA-256 of its bytes.

Job: keep one, give it back. Not its job: which of them matter (overlay_log), whose they are.
A name says what the bytes are, so that two attempts writing the same name write the same file, and none changes one.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from ezaigents.workspace.errors import FileRefused
from ezaigents.workspace.storing import sync_folder, told_when_full, write_whole

_NAME = re.compile("[0-9a-f]{64}")


class Blobs:
    """One task's folder of contents; it is made with the first of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, data: bytes) -> str:
        """Bring `data` to the disk, name included, and return its name. Raises DiskFull."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._folder / sha256
        with told_when_full(self._folder):
            if path.exists():
                # Whoever wrote it may have died before its name was on the disk.
                sync_folder(self._folder)
            else:
                write_whole(path, data)
        return sha256

    def read(self, sha256: str) -> bytes:
        """Return a content whole. Raises FileRefused when it is gone."""
        with os.fdopen(self.open(sha256), "rb") as file:
            return file.read()

    def get(self, sha256: str) -> bytes | None:
        """Return a content whole, None where there is none of that name; any text may be asked for."""
        if not _NAME.fullmatch(sha256) or not (self._folder / sha256).is_file():
            return None
        return self.read(sha256)

    def open(self, sha256: str) -> int:
        """Open a content for reading and return its descriptor, which the caller closes. Raises as `read`."""
        path = self._folder / sha256
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            reason = f"a content kept for this task is gone ({error.strerror}); run the task again"
            raise FileRefused(str(path), reason) from error
