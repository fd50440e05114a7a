"""Records as the shapes that are promised. Job: what `--json` prints and HTTP answers. Not its job: printing.

The order of the fields is the order in which they are printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ezaigents.client.patchfile import patch_of
from ezaigents.records import Approval, PatchState, Run, RunCounts, Task, TaskKind, TaskSpec, TaskState


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """A task as `ez run --json` promises it. `path`: what it is about. `report`, `patch`: whole paths, "" = none."""

    id: str
    state: TaskState
    agent: str
    path: str
    summary: str
    report: str
    patch: str
    cost_microusd: int
    simulated: bool


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """`ez run --json`, exactly."""

    run: str
    tasks: list[TaskRow]


class TaskDetail(TaskRow, frozen=True, kw_only=True):
    """A task with all that is known of it. Times: milliseconds since 1970 UTC, 0 = never.

    `asks`, `asks_id`: what a person is to decide now, and its id. `answers`: the verdict by question.
    """

    run: str
    kind: TaskKind
    priority: int
    attempts: int
    max_attempts: int
    crashes: int
    error: str
    partial: bool
    calls: int
    tokens: int
    asks: str
    asks_id: str
    answers: dict[str, Approval]
    patch_state: PatchState
    patch_error: str
    owner: str
    cancel_requested: bool
    open_parents: int
    parents: list[str]
    key: str
    accepted_ms: int
    started_ms: int
    ended_ms: int
    due_ms: int
    deadline_ms: int


class CountsRow(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands, in numbers."""

    total: int
    open: int
    done: int
    dead: int
    cancelled: int
    skipped: int


class RunDetail(RunResult, frozen=True, kw_only=True):
    """`ez show RUN --json`."""

    agent: str
    kind: TaskKind
    workspace: str
    accepted_ms: int
    counts: CountsRow


def task_row(task: Task, home: Path) -> TaskRow:
    """A task as it is promised."""
    return TaskRow(**_row(task, home))


def accepted_row(spec: TaskSpec) -> TaskRow:
    """A task that was accepted a moment ago, in the state in which it was."""
    state = TaskState.BLOCKED if spec.parents else TaskState.DELAYED if spec.delay_ms else TaskState.READY
    return TaskRow(
        id=spec.id, state=state, agent=spec.agent, path=spec.title, summary="", report="", patch="", cost_microusd=0,
        simulated=False,
    )  # fmt: skip


def run_result(run_id: str, tasks: Sequence[Task], home: Path) -> RunResult:
    """A run as it is promised."""
    return RunResult(run=run_id, tasks=[task_row(task, home) for task in tasks])


def task_detail(task: Task, home: Path) -> TaskDetail:
    """A task with all that is known of it."""
    return TaskDetail(
        **_row(task, home),
        run=task.run,
        kind=task.kind,
        priority=task.priority,
        attempts=task.attempts,
        max_attempts=task.max_attempts,
        crashes=task.crashes,
        error=task.error,
        partial=task.partial,
        calls=task.calls,
        tokens=task.tokens,
        asks=task.asks if task.waits_for_answer else "",
        asks_id=task.asks_id if task.waits_for_answer else "",
        answers=task.answers,
        patch_state=task.patch_state,
        patch_error=task.patch_error,
        owner=task.owner,
        cancel_requested=task.cancel_requested,
        open_parents=task.open_parents,
        parents=list(task.parents),
        key=task.key,
        accepted_ms=task.accepted_ms,
        started_ms=task.started_ms,
        ended_ms=task.ended_ms,
        due_ms=task.due_ms,
        deadline_ms=task.deadline_ms,
    )


def counts_row(counts: RunCounts) -> CountsRow:
    """How a run stands."""
    return CountsRow(
        total=counts.total,
        open=counts.open,
        done=counts.done,
        dead=counts.dead,
        cancelled=counts.cancelled,
        skipped=counts.skipped,
    )


def run_detail(run: Run, tasks: Sequence[Task], home: Path) -> RunDetail:
    """A run with its tasks and counts."""
    return RunDetail(
        run=run.id,
        tasks=[task_row(task, home) for task in tasks],
        agent=run.agent,
        kind=run.kind,
        workspace=run.workspace,
        accepted_ms=run.accepted_ms,
        counts=counts_row(run.counts),
    )


def counts_of(tasks: Sequence[Task]) -> RunCounts:
    """Count the tasks of a run whose own counts are gone."""
    states = [task.state.value for task in tasks]
    ended = {state: states.count(state) for state in ("done", "dead", "cancelled", "skipped")}
    return RunCounts(total=len(tasks), **ended)


def _row(task: Task, home: Path) -> dict[str, Any]:
    return {
        "id": task.id,
        "state": task.state,
        "agent": task.agent,
        "path": task.title,
        "summary": task.summary,
        "report": _whole(task.report, home),
        "patch": _whole(patch_of(task, home), home),
        "cost_microusd": task.cost_microusd,
        "simulated": task.simulated,
    }


def _whole(name: str, home: Path) -> str:
    return str(home / name) if name else ""
