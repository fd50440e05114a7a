"""Records to hash fields and back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ezaigents.codec import from_pack
from ezaigents.ids import ID_LENGTH
from ezaigents.queue.fields import (
    body_hash,
    claim_from_row,
    error_fields,
    packed_run,
    result_fields,
    run_from_hash,
    task_from_hash,
)
from ezaigents.records import Approval, OnParentFailure, PatchState, Result, Run, TaskKind, TaskSpec, TaskState

ID = "0" * ID_LENGTH
RUN = Run(id=ID, prompt="p", agent="a", kind=TaskKind.ANALYZE, workspace="/w", place="b")
SPEC = TaskSpec(id=ID, run=ID, agent="a", place="b")


def _pairs(flat: list[Any]) -> dict[str, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _packed(spec: TaskSpec) -> list[Any]:
    (task,) = from_pack(packed_run(RUN, [spec]), list[Any])[-1]
    return list(task)


def test_only_what_differs_from_its_default_is_stored() -> None:
    """A plain task costs no field of its own beside those that submit writes."""
    assert _packed(SPEC)[-1] == []


@given(
    title=st.text(st.characters(exclude_categories=["Cs"])),
    payload=st.text(st.characters(exclude_categories=["Cs"])),
    priority=st.integers(0, 9),
    attempts=st.integers(1, 1000),
    deadline_ms=st.integers(0, 253_402_300_799_999),
    kind=st.sampled_from(TaskKind),
    rule=st.sampled_from(OnParentFailure),
)
def test_what_is_stored_is_read_back(
    title: str, payload: str, priority: int, attempts: int, deadline_ms: int, kind: TaskKind, rule: OnParentFailure
) -> None:
    """Any text and number in range survives the way into the hash and out of it."""
    spec = msgspec.structs.replace(
        SPEC, title=title, payload=payload, priority=priority, max_attempts=attempts, deadline_ms=deadline_ms,
        kind=kind, on_parent_failure=rule,
    )  # fmt: skip
    row = _packed(spec)
    raw = {name.encode(): str(value).encode() for name, value in _pairs(row[-1]).items()}
    task = task_from_hash(ID, raw | {b"state": b"ready", b"run": ID.encode(), b"lane": row[1].encode()})
    assert (task.title, task.payload, task.priority) == (title, payload, priority)
    assert (task.max_attempts, task.deadline_ms, task.kind) == (attempts, deadline_ms, kind)
    assert (task.on_parent_failure, task.agent, task.place) == (rule, "a", "b")


def test_a_suspects_place_is_its_own() -> None:
    """The mark of the quarantine lane is no part of the place."""
    task = task_from_hash(
        ID, {b"state": b"ready", b"run": ID.encode(), b"lane": b"a@b!", b"fence": b"1700000000123456"}
    )
    assert (task.agent, task.place) == ("a", "b")
    assert task.started_ms == 1_700_000_000_123


def test_unknown_fields_of_a_later_version_are_passed_over() -> None:
    """A record written by a newer version is still read."""
    fields = {b"state": b"done", b"run": ID.encode(), b"lane": b"a@b", b"novelty": b"x", b"kids": b"1"}
    assert task_from_hash(ID, fields).state is TaskState.DONE


@pytest.mark.parametrize(
    "change",
    [
        {"title": "x"}, {"payload": "x"}, {"priority": 1}, {"agent": "x"}, {"place": "x"}, {"delay_ms": 1},
        {"deadline_ms": 1}, {"max_attempts": 1}, {"parents": ("1" * 18,)}, {"kind": TaskKind.EDIT},
        {"on_parent_failure": OnParentFailure.RUN},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_everything_that_makes_a_task_is_in_its_body(change: dict[str, Any]) -> None:
    """Two tasks that differ in anything but id, run and key have different bodies."""
    assert body_hash(msgspec.structs.replace(SPEC, **change), RUN) != body_hash(SPEC, RUN)


def test_ids_and_key_are_not_in_the_body() -> None:
    """A replay has new ids; the body of a task is the same in another run with the same prompt."""
    other = msgspec.structs.replace(SPEC, id="1" * 18, run="1" * 18, key="k")
    assert body_hash(other, msgspec.structs.replace(RUN, id="1" * 18)) == body_hash(SPEC, RUN)
    assert body_hash(SPEC, msgspec.structs.replace(RUN, prompt="q")) != body_hash(SPEC, RUN)


def test_results_store_only_what_is_there() -> None:
    """An empty result costs nothing; a patch is proposed; numbers travel as text."""
    assert result_fields(Result()) == []
    fields = _pairs(result_fields(Result(summary="é" * 600, patch="p", cost_microusd=2**60, simulated=True)))
    assert len(fields["summary"].encode()) <= 512
    assert (fields["patch_state"], fields["cost"], fields["sim"]) == (PatchState.PROPOSED.value, str(2**60), 1)


def test_errors_are_cut_and_storable() -> None:
    """An error with a lone surrogate, or of any length, fits."""
    name, text = error_fields("\udc80" * 1000)
    assert name == "error"
    assert len(str(text).encode()) <= 512


def test_a_claim_row_is_read_by_position() -> None:
    """The order of claim.lua's answer is the order read here; the fence comes as text and becomes a number."""
    row = [
        ID,
        "9007199254740993",
        "r",
        "a@b!",
        "edit",
        "t",
        "p",
        2,
        1,
        7,
        9,
        "applying",
        "q1=deny q2=approve q3=?",
        "no",
        41,
    ]
    claim = claim_from_row(row)
    assert (claim.fence, claim.agent, claim.place, claim.kind) == (9007199254740993, "a", "b", TaskKind.EDIT)
    assert (claim.attempt, claim.crashes, claim.deadline_ms, claim.lease_until_ms) == (2, 1, 7, 9)
    assert (claim.patch_state, claim.patch_fence) == (PatchState.APPLYING, 41)
    assert claim.answers == {"q1": Approval.DENY, "q2": Approval.APPROVE, "q3": Approval.DENY}
    assert claim.answer_why == "no"


def test_a_run_is_read_with_its_counts() -> None:
    """Counts that are 0 are not stored; what only the queue needs is left out."""
    raw = {b"at": b"5", b"agent": b"a", b"kind": b"edit", b"workspace": b"/w", b"place": b"b", b"total": b"3"}
    run = run_from_hash(ID, raw | {b"done": b"1", b"purged": b"1"})
    assert (run.prompt, run.accepted_ms, run.counts.total, run.counts.done, run.counts.open) == ("", 5, 3, 1, 2)
