"""Records as the promised shapes. Job: the JSON of tasks and runs. Not its job: printing (show)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ezaigents.codec import printable
from ezaigents.records import Run, RunCounts, Task

_NEVER = ""


def task_row(task: Task, home: Path) -> dict[str, object]:
    """A task as `ez run --json` promises it. `report`, `patch`: whole paths, "" = none."""
    return {
        "id": task.id,
        "state": task.state.value,
        "agent": task.agent,
        "path": task.title,
        "summary": task.summary,
        "report": _whole(task.report, home),
        "patch": _whole(task.patch, home),
        "cost_microusd": task.cost_microusd,
        "simulated": task.simulated,
    }


def run_json(run_id: str, tasks: Sequence[Task], home: Path) -> dict[str, object]:
    """`ez run --json`, exactly."""
    return {"run": run_id, "tasks": [task_row(task, home) for task in tasks]}


def full_row(task: Task, home: Path) -> dict[str, object]:
    """A task with all that is known of it: the row of `ez run --json`, and more."""
    return task_row(task, home) | {
        "run": task.run,
        "kind": task.kind.value,
        "priority": task.priority,
        "attempts": task.attempts,
        "max_attempts": task.max_attempts,
        "crashes": task.crashes,
        "error": task.error,
        "patch_state": task.patch_state.value,
        "patch_error": task.patch_error,
        "owner": task.owner,
        "cancel_requested": task.cancel_requested,
        "open_parents": task.open_parents,
        "parents": list(task.parents),
        "key": task.key,
        "accepted_ms": task.accepted_ms,
        "started_ms": task.started_ms,
        "ended_ms": task.ended_ms,
        "due_ms": task.due_ms,
        "deadline_ms": task.deadline_ms,
    }


def counts_row(counts: RunCounts) -> dict[str, int]:
    """How a run stands, in numbers."""
    return {
        "total": counts.total,
        "open": counts.open,
        "done": counts.done,
        "dead": counts.dead,
        "cancelled": counts.cancelled,
        "skipped": counts.skipped,
    }


def run_row(run: Run, tasks: Sequence[Task], home: Path) -> dict[str, object]:
    """`ez show RUN --json`."""
    return run_json(run.id, tasks, home) | {
        "agent": run.agent,
        "kind": run.kind.value,
        "workspace": run.workspace,
        "accepted_ms": run.accepted_ms,
        "counts": counts_row(run.counts),
    }


def counts_of(tasks: Sequence[Task]) -> RunCounts:
    """Count the tasks of a run whose own counts are gone."""
    states = [task.state.value for task in tasks]
    ended = {state: states.count(state) for state in ("done", "dead", "cancelled", "skipped")}
    return RunCounts(total=len(tasks), **ended)


def moment(at_ms: int) -> str:
    """A time as a person of this place reads it; "" for none."""
    if not at_ms:
        return _NEVER
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000))


def lasted(from_ms: int, to_ms: int) -> str:
    """How long something took; "" while it has not ended."""
    if not from_ms or to_ms < from_ms:
        return _NEVER
    took_s = (to_ms - from_ms) / 1000
    return f"{took_s:.2f} s" if took_s < 60 else f"{int(took_s) // 60} min {int(took_s) % 60} s"


def one_line(task: Task) -> str:
    """What became of a task, in words."""
    return printable(task.error if task.state.value in ("dead", "skipped") else task.summary or task.error)


def _whole(name: str, home: Path) -> str:
    return str(home / name) if name else ""
