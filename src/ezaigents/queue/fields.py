"""The task's hash, field by field. Job: records to hash fields and back; only what differs from the default is stored.

docs/engine-keys.md lists the fields. Not its job: deciding anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ezaigents.codec import from_plain, to_json, to_pack
from ezaigents.engine import Arg
from ezaigents.policy import SUMMARY_MAX_BYTES, clip_bytes
from ezaigents.records import Approval, Claim, PatchState, Result, Run, RunCounts, Task, TaskKind, TaskSpec, lane_of

# hash field -> attribute of Task, where the two differ
_ATTRIBUTE = {
    "rank": "priority",
    "max": "max_attempts",
    "cancel": "cancel_requested",
    "deadline": "deadline_ms",
    "due": "due_ms",
    "parents_open": "open_parents",
    "rule": "on_parent_failure",
    "cost": "cost_microusd",
    "sim": "simulated",
    "at": "accepted_ms",
    "ended": "ended_ms",
    "patch_at": "patch_at_ms",
}
_APPROVALS = {verdict.value: verdict for verdict in Approval}
_TASK_ATTRIBUTES = frozenset(Task.__struct_fields__)


def task_from_hash(task_id: str, fields: Mapping[bytes, bytes]) -> Task:
    """Decode the hash `t:<id>` (not empty)."""
    values: dict[str, Any] = {"id": task_id}
    for raw_name, raw in fields.items():
        name = raw_name.decode()
        text = raw.decode("utf-8", "replace")
        if name == "lane":
            values["agent"], _, place = text.partition("@")
            values["place"] = place.rstrip("!")
        elif name == "parents":
            values["parents"] = tuple(text.split())
        elif name in ("cancel", "sim", "partial"):
            values[_ATTRIBUTE.get(name, name)] = text == "1"
        elif name == "answers":
            values["answers"] = _answers(text)
        elif (attribute := _ATTRIBUTE.get(name, name)) in _TASK_ATTRIBUTES:
            values[attribute] = text
    values["started_ms"] = int(values.get("fence", 0)) // 1000  # a fence is the engine's time of the claim, in us
    return from_plain(values, Task)


def packed_run(run: Run, specs: Sequence[TaskSpec]) -> bytes:
    """A run with tasks of it as submit.lua takes them."""
    return to_pack((run.id, _run_fields(run), [_row(spec, run) for spec in specs]))


def _row(spec: TaskSpec, run: Run) -> tuple[object, ...]:
    body = body_hash(spec, run) if spec.key else ""
    fields: list[Arg] = []
    for name, value, default in (
        ("title", spec.title, ""),
        ("payload", spec.payload, ""),
        ("kind", spec.kind.value, TaskKind.ANALYZE.value),
        ("rank", spec.priority, 5),
        ("max", spec.max_attempts, 3),
        ("deadline", spec.deadline_ms, 0),
        ("rule", spec.on_parent_failure.value, "fail"),
        ("parents", " ".join(spec.parents), ""),
        ("key", spec.key, ""),
        ("body", body, ""),
    ):
        if value != default:
            fields += (name, value)
    return (
        spec.id, lane_of(spec.agent, spec.place), spec.priority, spec.delay_ms, spec.deadline_ms,
        spec.on_parent_failure.value, spec.key, body, spec.parents, fields,
    )  # fmt: skip


def body_hash(spec: TaskSpec, run: Run) -> str:
    """16 hex characters over what makes two tasks the same: everything but the ids and the key itself.

    A long prompt is not among it: its file is named after the run."""
    body = (
        run.prompt, spec.agent, spec.place, spec.kind, spec.title, spec.payload, spec.priority, spec.delay_ms,
        spec.deadline_ms, spec.max_attempts, spec.parents, spec.on_parent_failure, *((True,) if run.apply else ()),
    )  # fmt: skip
    return hashlib.sha256(to_json(body)).hexdigest()[:16]


def _run_fields(run: Run) -> list[Arg]:
    flat: list[Arg] = []
    for name, value in (
        ("prompt", run.prompt),
        ("agent", run.agent),
        ("kind", run.kind.value),
        ("workspace", run.workspace),
        ("place", run.place),
        ("prompt_file", run.prompt_file),
        ("summary_task", run.summary_task),
        ("apply", 1 if run.apply else ""),
        ("budget", str(run.budget_microusd) if run.budget_microusd else ""),
        ("record", 1 if run.record else ""),
    ):
        if value:
            flat += (name, value)
    return flat


def run_from_hash(run_id: str, fields: Mapping[bytes, bytes]) -> Run:
    """Decode the hash `run:<id>` (not empty)."""
    values: dict[str, Any] = {name.decode(): raw.decode("utf-8", "replace") for name, raw in fields.items()}
    values.setdefault("prompt", "")
    counts = {name: values.pop(name, 0) for name in RunCounts.__struct_fields__}
    values |= {name: values.get(name) == "1" for name in ("apply", "record")}
    values["budget_microusd"] = values.pop("budget", 0)
    values |= {"id": run_id, "accepted_ms": values.pop("at", 0), "counts": from_plain(counts, RunCounts)}
    values.pop("purged", None)
    return from_plain(values, Run)


def claim_from_row(row: list[Any]) -> Claim:
    """One row of claim.lua's answer, in its order."""
    (
        task_id,
        fence,
        run,
        lane,
        kind,
        title,
        payload,
        attempt,
        crashes,
        deadline,
        until,
        patch,
        answers,
        why,
        patch_fence,
    ) = row
    agent, _, place = lane.partition("@")
    return Claim(
        id=task_id,
        fence=int(fence),
        run=run,
        agent=agent,
        place=place.rstrip("!"),
        kind=TaskKind(kind),
        title=title,
        payload=payload,
        attempt=int(attempt),
        crashes=int(crashes),
        deadline_ms=int(deadline),
        lease_until_ms=int(until),
        patch_state=PatchState(patch),
        answers=_answers(answers),
        answer_why=why,
        patch_fence=int(patch_fence),
    )


def _answers(text: str) -> dict[str, Approval]:
    """The field `answers`: `question=verdict`, by spaces, oldest first. A word that is not known allows nothing."""
    pairs = (pair.partition("=") for pair in text.split())
    return {question: _APPROVALS.get(verdict, Approval.DENY) for question, _, verdict in pairs}


def error_fields(error: str, spent: Result | None = None) -> list[Arg]:
    """An error as fail.lua and retry.lua take it, cut to the length of a summary; and what was spent until then."""
    fields: list[Arg] = ["error", clip_bytes(error, SUMMARY_MAX_BYTES)]
    return fields if spent is None else [*fields, *_spent_fields(spent)]


def _spent_fields(result: Result) -> list[Arg]:
    fields: list[Arg] = []
    for name, value in (
        ("cost", str(result.cost_microusd) if result.cost_microusd else ""),
        ("sim", 1 if result.simulated else ""),
        ("calls", str(result.calls or "")),
        ("tokens", str(result.tokens or "")),
        ("partial", 1 if result.partial else ""),
    ):
        if value:
            fields += (name, value)
    return fields


def handed_back(result: Result) -> list[Arg]:
    """A result as patch.lua takes it: only what is not empty; the summary cut to its limit."""
    fields: list[Arg] = []
    for name, value in (
        ("summary", clip_bytes(result.summary, SUMMARY_MAX_BYTES)),
        ("report", result.report),
        ("patch", result.patch),
    ):
        if value:
            fields += (name, value)
    return [*fields, *_spent_fields(result)]


def result_fields(result: Result) -> list[Arg]:
    """A result as finish.lua takes it: the same, and where its patch stands."""
    patch_state = _patch_state(result)
    return [*handed_back(result), *(("patch_state", patch_state) if patch_state else ())]


def _patch_state(result: Result) -> str:
    if result.applied:
        return PatchState.APPLIED.value
    return PatchState.PROPOSED.value if result.patch else ""
