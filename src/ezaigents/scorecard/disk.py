"""Disks. Job: a folder that lies on one, the sort of its file system, what an fsync takes there, what is on it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

from ezaigents.scorecard.figures import percentile

_IN_MEMORY = ("tmpfs", "ramfs")
_SYNCS = 200
_SYNC_BYTES = 500


def filesystem_of(path: Path) -> str:
    """The type of the file system that holds `path`, such as ext4; "" where that cannot be seen."""
    found = ("", "")
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
            _, mount, kind, *_ = line.split(" ")
            if path.resolve().is_relative_to(mount) and len(mount) >= len(found[0]):
                found = (mount, kind)
    return found[1]


def disk_folder() -> Path:
    """The usual folder for temporary files, unless that is memory: there an fsync would cost nothing."""
    usual = Path(tempfile.gettempdir())
    return Path("/var/tmp") if filesystem_of(usual) in _IN_MEMORY else usual  # noqa: S108 - mkdtemp makes it private


def fsync_ms(folder: Path, syncs: int = _SYNCS) -> float:
    """The median time of fdatasync after a small write in `folder`, in ms."""
    path = folder / "fsync.tmp"
    times = []
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(syncs):
            os.write(fd, b"x" * _SYNC_BYTES)
            began_s = time.perf_counter()
            os.fdatasync(fd)
            times.append(time.perf_counter() - began_s)
    finally:
        os.close(fd)
        path.unlink()
    return percentile(times, 50) * 1000


def bytes_beneath(folder: Path) -> int:
    """The sizes of all files in a folder and beneath it; 0 where it is not."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total
