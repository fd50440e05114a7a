"""What an attempt has read, so that it can be shown how a file changed since.

Job: keep the last of it, as far as it fits. Not its job: anything that must outlive the process.
It is a file without a name: it costs no memory, is never waited for, and is gone with the process however that ends.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SEEN_BYTES = 32 * 1024 * 1024
"""Beyond this all is forgotten and keeping begins anew; a difference then shows what the caller wanted instead."""


class Seen:
    """Contents by the SHA-256 of their bytes."""

    def __init__(self, folder: Path, most_bytes: int = SEEN_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._descriptor = -1
        self._end = 0
        self._places: dict[str, tuple[int, int]] = {}

    def keep(self, sha256: str, data: bytes) -> None:
        """Remember `data`. Never fails: what does not fit, or not on the disk, is not remembered."""
        if sha256 in self._places or len(data) > self._most_bytes:
            return
        if self._end + len(data) > self._most_bytes:
            self._places.clear()
            self._end = 0
        with contextlib.suppress(OSError):
            if os.pwrite(self._open(), data, self._end) == len(data):
                self._places[sha256] = (self._end, len(data))
                self._end += len(data)

    def get(self, sha256: str) -> bytes | None:
        """Return the bytes, None when they are not remembered."""
        if sha256 not in self._places:
            return None
        offset, size = self._places[sha256]
        return os.pread(self._descriptor, size, offset)

    def close(self) -> None:
        """Forget everything; may be repeated."""
        self._places.clear()
        self._end = 0
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()

    def _open(self) -> int:
        if self._descriptor < 0:
            path = self._folder / f".seen.{os.urandom(4).hex()}"
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            path.unlink()
        return self._descriptor
