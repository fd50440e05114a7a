"""Results where readers of the old system look: a file in `src/output/`, and words for its keys. Job: make them.

A file of a result is what the task made of the entry's file; where it made nothing of it, its report. Not its job: the
old server's keys themselves (bridge).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ezaigents.client import read_beneath
from ezaigents.codec import storable, to_json
from ezaigents.errors import EzError
from ezaigents.legacy.names import result_name
from ezaigents.records import Task, TaskState
from ezaigents.workspace import BLOBS_FOLDER, canonical, read_proposal, write_whole

OUTPUT = "src/output"
_NAME_MAX_BYTES = 240
_RESULT_MAX_BYTES = 10 * 1024 * 1024


class _Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `queue:failures`, as the old agents wrote it."""

    file: str
    model: str
    role: str
    agent_id: str
    task_id: str
    error: str
    timestamp: str


class _Result(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A value of `task:results`."""

    task_id: str
    agent_id: str
    agent_type: str
    result: str
    completed_at: str
    processing_time: int


def write_result(task: Task, file: str, name: str, *, home: Path, workspace: Path) -> str:
    """Write a done task's result; returns its path in the workspace. Raises OSError, and EzError for a bad place."""
    flat = result_name(task.agent, file, name)
    if len(flat.encode()) > _NAME_MAX_BYTES:
        flat = f"{flat.encode()[:200].decode(errors='ignore')}-{hashlib.sha256(flat.encode()).hexdigest()[:16]}"
    path = canonical(workspace, f"{OUTPUT}/{flat}", hidden=home)
    write_whole(workspace / path, _content(task, file, home))
    return path


def failure_words(task_id: str, agent: str, model: str, file: str, error: str) -> bytes:
    """What is put into `queue:failures`."""
    words = _Failure(
        file=file, model=model, role=agent, agent_id=agent, task_id=task_id, error=error, timestamp=_moment()
    )
    return to_json(words)


def result_words(task: Task, old_id: str) -> bytes:
    """What is put into `task:results`."""
    taken_ms = max(0, task.ended_ms - task.accepted_ms)
    words = _Result(
        task_id=old_id,
        agent_id=task.agent,
        agent_type=task.agent,
        result=task.summary,
        completed_at=_moment(task.ended_ms),
        processing_time=taken_ms,
    )
    return to_json(words)


def why_failed(task: Task) -> str:
    """How a task that is not done ended."""
    return task.error or ("cancelled by its operator" if task.state is TaskState.CANCELLED else task.state.value)


def _content(task: Task, file: str, home: Path) -> bytes:
    if task.patch and file:
        try:
            proposal = read_proposal((home / task.patch).parent)
        except EzError:
            proposal = None
        for change in proposal.changes if proposal else ():
            if change.path == storable(file) and change.after is not None:
                blob = read_beneath(home, f"tasks/{task.id}/{BLOBS_FOLDER}/{change.after.sha256}")
                if blob is not None:
                    return blob
    report = read_beneath(home, task.report, _RESULT_MAX_BYTES)
    return report if report is not None else f"{task.summary}\n".encode()


def _moment(at_ms: int = 0) -> str:
    when = datetime.fromtimestamp(at_ms / 1000, UTC) if at_ms else datetime.now(UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
