"""What the processes inside a sandbox use. Job: asking the kernel, for the launcher. Not its job: what follows.

Runs by `python -I -S`: standard library only. Process 1 is the launcher itself, and is left out.
"""

from __future__ import annotations

import os
import resource


def others() -> list[int]:
    """The processes inside that still run, this one left out."""
    pids = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]  # noqa: PTH208 - pathlib weighs
    return [int(pid) for pid in pids if _state_of(pid) not in {"", "Z", "X"}]


def _state_of(pid: str) -> str:
    words = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return words[0].decode() if words else ""


def memory_bytes() -> int:
    """What all processes inside hold by themselves; pages shared since a fork count for each of them."""
    pages = 0
    for pid in others():
        words = _read(f"/proc/{pid}/statm").split()
        pages += int(words[1]) - int(words[2]) if len(words) > 2 else 0
    return pages * resource.getpagesize() + _shared_bytes()


def shared_out_bytes() -> int:
    """The same, shared pages shared out; dear to find, so only asked where the cheap figure is too high."""
    found_bytes = 0
    for pid in others():
        words = dict(line.split(b":", 1) for line in _read(f"/proc/{pid}/smaps_rollup").splitlines()[1:])
        own = words.get(b"Pss_Anon")
        if own is None:  # not readable: a process that hides counts in full
            pages = _read(f"/proc/{pid}/statm").split()
            found_bytes += int(pages[1]) * resource.getpagesize() if len(pages) > 2 else 0
        else:
            found_bytes += int(own.split()[0]) * 1024
    return found_bytes + _shared_bytes()


def _shared_bytes() -> int:
    """What lies in the private folders for temporary files: it is memory too."""
    found_bytes = 0
    for folder in ("/tmp", "/dev/shm"):  # noqa: S108 - private ones, of this sandbox
        room = os.statvfs(folder)
        found_bytes += (room.f_blocks - room.f_bfree) * room.f_frsize
    return found_bytes


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib weighs
            return file.read()
    except OSError:
        return b""  # gone since it was listed
