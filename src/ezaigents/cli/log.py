"""The host's log: stderr, which for a host in the background is a file that must not grow for ever."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_STDOUT, _STDERR = 1, 2


class BoundedHandler(logging.Handler):
    """Writes to stderr; when that is the file `path` and larger than `max_bytes`, begins a new one.

    The former file is kept as `<path>.old`. `max_bytes` 0: stderr is not ours to bound.
    The descriptors themselves are moved, so that whatever else writes to stderr is bounded with it.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__()
        self._path = path
        self._max_bytes = max_bytes

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            os.write(_STDERR, line)
            if self._max_bytes and os.fstat(_STDERR).st_size > self._max_bytes:
                self._begin_anew()
        except OSError:
            # A full disk or a closed terminal must not stop the host.
            pass

    def _begin_anew(self) -> None:
        self._path.replace(self._path.with_name(f"{self._path.name}.old"))
        fresh = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (_STDOUT, _STDERR):
            os.dup2(fresh, descriptor)
        os.close(fresh)
