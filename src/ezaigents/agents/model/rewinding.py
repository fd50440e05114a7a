"""Going back to an earlier step, so that what came of it is no part of the next attempt.

Job: the folder of an attempt that nobody makes, whose journal follows the others' up to the step, and whose log of
changes is theirs of then; the next attempt finds it as the newest. Not its job: which tasks (client), going on from
there (session).
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec

from ezaigents.agents.attempts import begin_anew, earlier_files
from ezaigents.agents.model.journal import Answered, Began, Did, Journal, Tried, counted_lines, read_records
from ezaigents.errors import InputError
from ezaigents.workspace import carry_over, sync_folder

_BEING_MADE = "rewound.part"


class _Cut(msgspec.Struct, frozen=True):
    """What is kept: of each attempt so many bytes, of the last one's log of changes so many; what the rest cost."""

    follows: dict[str, int]
    last: str
    files_bytes: int
    cost_microusd: int


def begin_again(task_folder: Path, last_fence: int, fence: int) -> None:
    """Have the next attempt begin as if there had been none, but for what they cost.

    `last_fence`: of the newest attempt that was made. `fence`: a new one. Raises DiskFull, OSError.
    """
    try:
        records, _ = read_records(task_folder, before=fence)
    except (FileNotFoundError, msgspec.DecodeError):
        records = []  # what cannot be read is what the user wants to be rid of
    cost = sum(record.cost_microusd for record in records if isinstance(record, Answered | Tried))
    begin_anew(task_folder, last_fence)
    if cost:
        _make(task_folder, fence, {}, 1, cost, [], 0)


def rewind(task_folder: Path, fence: int, step: int) -> None:
    """Have the next attempt go on as if the answer of step `step`, and all that followed, had not been given.

    `task_folder`: `tasks/<id>` of a task that has ended. `fence`: a new one. What the dropped steps cost stays counted.
    Raises InputError where no such step was answered, DiskFull, OSError.
    """
    cut = _cut(task_folder, fence, step)
    folders = [folder for folder in earlier_files(task_folder, fence) if int(folder.name) <= int(cut.last)]
    _make(task_folder, fence, cut.follows, step, cut.cost_microusd, folders, cut.files_bytes)


def _make(
    task_folder: Path,
    fence: int,
    follows: dict[str, int],
    step: int,
    cost_microusd: int,
    folders: list[Path],
    files_bytes: int,
) -> None:
    """Make the folder of the attempt that nobody makes, whole or not at all."""
    made = task_folder / _BEING_MADE
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    now_ms = time.time_ns() // 1_000_000
    journal = Journal(made)
    try:
        journal.append(Began(at_ms=now_ms, attempt=0, follows=follows), Tried(now_ms, step, (), cost_microusd))
    finally:
        journal.close()
    carry_over(folders, files_bytes, made)
    made.rename(task_folder / str(fence))
    sync_folder(task_folder)


def _cut(task_folder: Path, fence: int, step: int) -> _Cut:
    try:
        _, counts = read_records(task_folder, before=fence)
        lines = list(counted_lines(task_folder, counts))
    except (OSError, msgspec.DecodeError) as error:
        raise InputError("id", f"the journal of task {task_folder.name} cannot be read: {error}") from error
    steps = [record.step if isinstance(record, Answered) else 0 for _, _, record in lines]
    if step not in steps:
        there = f"its steps are 1 to {max(steps)}" if any(steps) else "no model ever answered it"
        raise InputError("from_step", f"task {task_folder.name} has no step {step}; {there}")
    at = steps.index(step)
    last, begins, _ = lines[at]
    follows = {name: size for name, size in counts.items() if int(name) < int(last)} | {last: begins}
    files = [record.files for name, _, record in lines[:at] if name == last and isinstance(record, Did)]
    cost = sum(record.cost_microusd for _, _, record in lines[at:] if isinstance(record, Answered | Tried))
    return _Cut(follows, last, max(files, default=0), cost)
