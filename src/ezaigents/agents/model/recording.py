"""Keeping what a task began with, so that it can be run again offline. Job: the record, written and read.

The replies of the models are in the journals. Beside them this keeps the files of the workspace as they were when the
task began, and what it was asked. Not its job: running it again (replay).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ezaigents.agents.definition import Definition
from ezaigents.agents.model.brief import Brief
from ezaigents.agents.tools import why_closed
from ezaigents.codec import from_json, restored, to_pretty_json
from ezaigents.errors import InputError, LimitReached
from ezaigents.records import TaskKind
from ezaigents.workspace import FileRefused, human_size, read_windows, walk, write_whole

FOLDER = "record"
_FACTS = "facts.json"
_TREE = "tree.tar.gz"
_TREE_MOST_BYTES = 256 * 1024 * 1024


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What a task began with. `brief`: its paths in the form of `codec.storable`."""

    task: str
    kind: TaskKind
    prompt: str
    definition: Definition
    brief: Brief
    noted: str = ""


def is_recorded(task_folder: Path) -> bool:
    """Whether the record of a task is there."""
    return (task_folder / FOLDER / _FACTS).exists()


def write_record(task_folder: Path, recorded: Recorded, workspace: Path, *, home: Path, file_most_bytes: int) -> None:
    """Write the record, its facts last. Larger files, those no model is shown, and what cannot be read, are left out.

    Raises LimitReached for a workspace that is too large to be kept, OSError.
    """
    folder = task_folder / FOLDER
    write_whole(folder / _TREE, _packed(workspace, home, file_most_bytes, tuple(map(restored, recorded.brief.paths))))
    write_whole(folder / _FACTS, to_pretty_json(recorded))


def read_record(task_folder: Path) -> Recorded:
    """Read what a task began with. Raises InputError where it was not recorded."""
    try:
        return from_json((task_folder / FOLDER / _FACTS).read_bytes(), Recorded)
    except FileNotFoundError:
        words = f"task {task_folder.name} was not recorded; hand the job in with `ez run --record`"
        raise InputError("id", words) from None
    except (OSError, msgspec.DecodeError) as error:
        raise InputError("id", f"the record of task {task_folder.name} cannot be read: {error}") from error


def unpack_tree(task_folder: Path, target: Path) -> None:
    """Put the recorded files into an empty folder. Raises InputError where the record is damaged."""
    import tarfile

    try:
        with tarfile.open(task_folder / FOLDER / _TREE) as archive:
            archive.extractall(target, filter="data")
    except (OSError, EOFError, tarfile.TarError) as error:
        raise InputError("id", f"the recorded files of task {task_folder.name} cannot be read: {error}") from error


def _packed(workspace: Path, home: Path, file_most_bytes: int, named: Sequence[str]) -> bytes:
    import tarfile

    made = io.BytesIO()
    size_bytes = 0
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=3) as archive:
        for found in walk(workspace, "", home=home):
            if why_closed(found.path, named):
                continue
            try:
                windows = read_windows(workspace, found.path, file_most_bytes, hidden=home)
                data = b"".join(windows)
            except FileRefused:
                continue
            size_bytes += len(data)
            if size_bytes > _TREE_MOST_BYTES:
                raise LimitReached(
                    f"the workspace is larger than {human_size(_TREE_MOST_BYTES)} and cannot be recorded; "
                    "run without --record, or keep large files out by .gitignore"
                )
            entry = tarfile.TarInfo(found.path)
            entry.size, entry.mode = len(data), windows.mode
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()
