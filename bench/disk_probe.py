"""What an fsync takes while something else is measured. Job: write and sync a little, twenty times a second.

What is fsynced before it is answered takes at least that long: on a machine whose disk others use, most of a figure.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.line import percentile

_EVERY_S = 0.05
_BYTES = 500


class DiskProbe:
    """Times of fdatasync, in ms, since it was begun."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "probe.tmp"
        self._ended = threading.Event()
        self._times: list[float] = []
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def begin(self) -> None:
        """Sync from now on."""
        self._thread.start()

    def end(self) -> None:
        """Sync no more."""
        self._ended.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def figures(self) -> dict[str, float]:
        """Percentiles so far."""
        times = list(self._times)
        figures = {f"p{percent}": round(percentile(times, percent), 2) for percent in (50, 95, 99)}
        return {**figures, "most": round(max(times), 2), "n": len(times)}

    def _go_on(self) -> None:
        descriptor = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
        while not self._ended.wait(_EVERY_S):
            os.write(descriptor, b"x" * _BYTES)
            began_s = time.perf_counter()
            os.fdatasync(descriptor)
            self._times.append((time.perf_counter() - began_s) * 1000)
        os.close(descriptor)


@contextmanager
def probing(folder: Path) -> Iterator[DiskProbe]:
    """A probe that runs meanwhile."""
    probe = DiskProbe(folder)
    probe.begin()
    try:
        yield probe
    finally:
        probe.end()
