"""What became of purged tasks: one file per day of acceptance, a task a line. Job: append, find, drop old days.

Written and fsynced before the engine forgets a task; a crash in between writes a line twice, and the last one counts.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from ezaigents.codec import from_json, to_json
from ezaigents.ids import id_wall_ms, is_id
from ezaigents.records import Task

_DAY_MS = 86_400_000


def _file_of(folder: Path, task_id: str) -> Path:
    return folder / f"{id_wall_ms(task_id) // _DAY_MS:05d}.jsonl"


def append_history(folder: Path, tasks: Iterable[Task]) -> None:
    """Write tasks down durably; `folder` is made when it is missing. Raises OSError."""
    by_file: dict[Path, list[bytes]] = {}
    for task in tasks:
        by_file.setdefault(_file_of(folder, task.id), []).append(to_json(task) + b"\n")
    if by_file:
        folder.mkdir(mode=0o700, exist_ok=True)
    for path, lines in by_file.items():
        with path.open("ab") as file:
            # A crash may have torn the last line: what follows begins on a line of its own.
            torn = file.tell() > 0 and not _ends_a_line(path)
            file.write((b"\n" if torn else b"") + b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        path.chmod(0o600)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def find_in_history(folder: Path, task_id: str) -> Task | None:
    """The last record of a purged task; None when there is none."""
    found = None
    for line in _lines(_file_of(folder, task_id)):
        if task_id.encode() in line:
            with contextlib.suppress(msgspec.DecodeError):  # a line that a crash has torn
                task = from_json(line, Task)
                found = task if task.id == task_id else found
    return found


def drop_old_history(folder: Path, *, today_ms: int, days: int) -> None:
    """Delete the files of days more than `days` ago."""
    if folder.is_dir():
        for path in folder.glob("*.jsonl"):
            if path.stem.isdigit() and int(path.stem) < today_ms // _DAY_MS - days:
                path.unlink(missing_ok=True)


def old_folders(folder: Path, *, today_ms: int, days: int, most: int) -> list[Path]:
    """At most `most` folders in `folder` that are named after an id made more than `days` days ago."""
    if not folder.is_dir():
        return []
    limit_ms = (today_ms // _DAY_MS - days) * _DAY_MS
    names = (path for path in folder.iterdir() if is_id(path.name) and id_wall_ms(path.name) < limit_ms)
    return list(itertools.islice(names, most))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except FileNotFoundError:
        return
