"""Which earlier attempts at a task an attempt goes on from. Job: their folders; beginning anew when a user says so.

`tasks/<id>/anew` holds the fence of the last attempt that does not count any more, `files-from` that of the first whose
changes of files do.
"""

from __future__ import annotations

from pathlib import Path

from ezaigents.workspace import write_whole

_ANEW = "anew"
_FILES = "files-from"
_ABOVE_ALL = 2**62


def earlier_attempts(task_folder: Path, before: int) -> list[Path]:
    """The folders of the attempts with a lower fence that count, oldest first. `task_folder`: `tasks/<id>`."""
    there = task_folder.iterdir() if task_folder.is_dir() else ()  # a task may have ended before it began
    fences = sorted(int(path.name) for path in there if path.name.isdigit())
    last_void = _void_up_to(task_folder)
    return [task_folder / str(fence) for fence in fences if last_void < fence < before]


def begin_anew(task_folder: Path, fence: int) -> None:
    """Have the next attempt begin as if there had been none; `fence`: of the newest one made. Raises OSError."""
    folders = earlier_attempts(task_folder, _ABOVE_ALL)
    last = max(
        [fence, _void_up_to(task_folder), *(int(folder.name) for folder in folders)]
    )  # one may stand for steps that were gone back
    write_whole(task_folder / _ANEW, str(last).encode())


def earlier_files(task_folder: Path, before: int) -> list[Path]:
    """Those of them whose changes of files count too."""
    forgotten = _number(task_folder / _FILES)
    return [folder for folder in earlier_attempts(task_folder, before) if int(folder.name) >= forgotten]


def forget_files(task_folder: Path, fence: int) -> None:
    """Have no changes count that attempts before `fence` made. Raises OSError."""
    write_whole(task_folder / _FILES, str(max(fence, _number(task_folder / _FILES))).encode())


def _void_up_to(task_folder: Path) -> int:
    return _number(task_folder / _ANEW)


def _number(path: Path) -> int:
    try:
        return int(path.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return -1
