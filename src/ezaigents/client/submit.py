"""From a prompt and paths to a run with its tasks. Job: what is submitted. Not its job: sending it, choosing paths."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ezaigents.client.inputs import InputFiles
from ezaigents.codec import printable
from ezaigents.errors import InputError, LimitReached
from ezaigents.policy import PROMPT_INLINE_MAX_BYTES
from ezaigents.records import OnParentFailure, Run, TaskKind, TaskSpec
from ezaigents.team import Overlap
from ezaigents.workspace import FoundFile

PROMPT_MAX_BYTES = 1024 * 1024
_PATHS_LOOKED_AT = 2000
CHANGING_KINDS = frozenset({TaskKind.EDIT, TaskKind.TEST, TaskKind.DOCUMENT})


class FilesTaken(LimitReached):
    """Running tasks are at work on files that this job is about, and the setting `overlap` is block."""

    def __init__(self, overlaps: Sequence[Overlap]) -> None:
        first = overlaps[0]
        super().__init__(
            f"{printable(first.path)} is at work in task {first.task} ({first.agent}), and {len(overlaps) - 1:,} more "
            "overlaps; wait until it has ended, or set overlap to warn or serialise in ezaigents.toml"
        )
        self.overlaps = tuple(overlaps)


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it was handed in: `specs` in the order of their files, the summary task last.

    `paths`: its files, the first 2,000. `overlaps`: where running tasks were at them when it was handed in; looked at
    only for a kind that changes files. `again`: its key was used before, and it is the run of that time.
    """

    run: Run
    specs: tuple[TaskSpec, ...]
    paths: tuple[str, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    again: bool = False


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked for. `paths`: relative to the workspace, files or folders, none = all of it.

    `apply`: patches are put into the workspace as soon as they are made. `check`: a command that must succeed for the
    work to count as finished, as its arguments. `budget_microusd`: what the run may cost, 0 = as the settings say.
    `record`: what models answer is kept, so that the run can be replayed.
    """

    prompt: str
    paths: tuple[str, ...]
    agent: str
    kind: TaskKind
    priority: int = 5
    delay_ms: int = 0
    deadline_ms: int = 0
    max_attempts: int = 3
    key: str = ""
    apply: bool = False
    check: tuple[str, ...] = ()
    budget_microusd: int = 0
    record: bool = False


def build_run(
    wish: Wish,
    inputs: InputFiles,
    *,
    home: Path,
    workspace: Path,
    place: str,
    make_id: Callable[[], str],
    whole: bool = False,
) -> Handed:
    """Plan a run: tasks of a sensible size over the files, and a summary task that waits for all of them.

    `whole`: its agent takes a job as one task. Long prompts and lists of paths are written to the data folder first.
    Raises InputError for an empty folder, too many files or too long a prompt.
    """
    check_prompt(wish.prompt)
    files = inputs.all(wish.paths)
    run_id = make_id()
    # The same wish under the same key must become the same tasks, so its lists may not be named after the run.
    lists = _name_by_content(wish, files) if wish.key else run_id
    planned = _one_task if whole else _portions
    specs = planned(wish, files, home, lists, run_id, place, make_id)
    prompt_file = ""
    if len(wish.prompt.encode("utf-8", "surrogateescape")) > PROMPT_INLINE_MAX_BYTES:
        prompt_file = write_prompt(home, run_id, wish.prompt)
    run = Run(
        id=run_id,
        prompt="" if prompt_file else wish.prompt,
        prompt_file=prompt_file,
        agent=wish.agent,
        kind=wish.kind,
        workspace=os.fsencode(workspace).decode("utf-8", "backslashreplace"),
        place=place,
        summary_task=specs[-1].id,
        apply=wish.apply,
        budget_microusd=wish.budget_microusd,
        record=wish.record,
    )
    paths = tuple(file.path for file in files[:_PATHS_LOOKED_AT])
    return Handed(run=run, specs=tuple(specs), paths=paths)


def _one_task(
    wish: Wish,
    files: Sequence[FoundFile],
    home: Path,
    lists: str,
    run_id: str,
    place: str,
    make_id: Callable[[], str],
) -> list[TaskSpec]:
    """The whole job as one task, which is told the paths as they were named."""
    from ezaigents.agents.model.brief import Brief, encode_brief

    named = [path or "." for path in wish.paths] or ["."]
    title = named[0] if len(named) == 1 else f"{named[0]} and {len(named) - 1:,} more"
    payload = encode_brief(home, lists, Brief(paths=wish.paths, check=wish.check))
    return [_spec(wish, make_id(), run_id, place, title=title, payload=payload, part="0")]


def _portions(
    wish: Wish,
    files: Sequence[FoundFile],
    home: Path,
    lists: str,
    run_id: str,
    place: str,
    make_id: Callable[[], str],
) -> list[TaskSpec]:
    """A task per portion of the files, and the summary last."""
    from ezaigents.agents.local import encode_payload, plan_tasks, summary_payload

    specs = []
    for number, portion in enumerate(plan_tasks(files)):
        payload = encode_payload(home, lists, number, portion.paths)
        specs.append(_spec(wish, make_id(), run_id, place, title=portion.title, payload=payload, part=str(number)))
    summary = _spec(wish, make_id(), run_id, place, title="summary", payload=summary_payload(), part="summary")
    parents = tuple(spec.id for spec in specs)
    rule = OnParentFailure.RUN
    return [
        *specs,
        msgspec.structs.replace(
            summary, parents=parents, on_parent_failure=rule, delay_ms=0, deadline_ms=0, max_attempts=3
        ),
    ]


def _spec(wish: Wish, task_id: str, run_id: str, place: str, *, title: str, payload: str, part: str) -> TaskSpec:
    return TaskSpec(
        id=task_id,
        run=run_id,
        agent=wish.agent,
        place=place,
        kind=wish.kind,
        title=title,
        payload=payload,
        priority=wish.priority,
        delay_ms=wish.delay_ms,
        deadline_ms=wish.deadline_ms,
        max_attempts=wish.max_attempts,
        key=f"{wish.key}#{part}" if wish.key else "",
    )


def _name_by_content(wish: Wish, files: Sequence[FoundFile]) -> str:
    text = "\0".join([wish.key, *(file.path for file in files), "", *wish.paths, "", *wish.check])
    return "key-" + hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def check_prompt(prompt: str) -> None:
    """Raise InputError for a prompt that is empty, too long or not text."""
    if not prompt.strip():
        raise InputError("prompt", "is empty; say what is to be done")
    if "\0" in prompt:
        raise InputError("prompt", "holds a NUL character")
    try:
        size = len(prompt.encode("utf-8"))
    except UnicodeEncodeError:
        raise InputError("prompt", "is not valid UTF-8") from None
    if size > PROMPT_MAX_BYTES:
        raise InputError(
            "prompt",
            f"is {size:,} bytes, limit {PROMPT_MAX_BYTES:,}; put the long part into a file of the workspace",
        )


def write_prompt(home: Path, run_id: str, prompt: str) -> str:
    """Keep a long prompt in a file of the data folder, durably; returns its name beneath that. Raises OSError."""
    name = f"runs/{run_id}/prompt.txt"
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(prompt)
        file.flush()
        os.fsync(file.fileno())
    return name


def other_ids(specs: Sequence[TaskSpec], known: dict[str, str]) -> tuple[TaskSpec, ...]:
    """The specs under the ids by which the queue knows them (another one where a key was used before)."""
    return tuple(msgspec.structs.replace(spec, id=known[spec.id]) for spec in specs)
