"""What is shown of a task: what a person must not miss stands first, and JSON has it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ezaigents.cli.rows import approval_rows, model_rows, one_line, state_words
from ezaigents.client import task_detail
from ezaigents.records import Approval, Task, TaskState


def _task(**fields: Any) -> Task:
    plain: dict[str, Any] = {"id": "t1", "state": TaskState.DONE, "run": "r", "agent": "claude", "place": "p"}
    return Task(**(plain | fields))


def test_what_was_simulated_says_so_first() -> None:
    """Nobody takes an answer that no model gave for one that a model gave."""
    task = _task(summary="it is done", simulated=True, partial=True, calls=2, tokens=3000)
    assert one_line(task) == "simulated: partial: it is done"
    rows = dict(model_rows(task))
    assert rows["models"] == "simulated: no model was asked"
    assert rows["simulated"] == "2 model calls, 3,000 tokens"
    assert rows["partial"]


def test_what_a_model_used_is_shown() -> None:
    """Calls, tokens and money of a task; nothing of it where no model was asked."""
    rows = dict(model_rows(_task(calls=2, tokens=3000, cost_microusd=1_234_567)))
    assert (rows["models"], rows["cost"]) == ("2 model calls, 3,000 tokens", "$1.234567")
    assert not any(value for _, value in model_rows(_task()))
    assert one_line(_task(summary="s")) == "s"


def test_a_task_that_waits_for_a_person_says_what_it_asks() -> None:
    """In the table, in `ez show` with what to type, and in JSON; once it has ended it asks nothing."""
    waits = _task(state=TaskState.DELAYED, asks="command: ls\x1b", asks_id="q", due_ms=1)
    assert (state_words(waits), one_line(waits)) == ("delayed (asks)", "asks: command: ls\\x1b")
    assert "`ez approve t1` or `ez deny t1`" in dict(approval_rows(waits))["answer it"]
    assert task_detail(waits, Path("/h")).asks == waits.asks
    ended = _task(state=TaskState.CANCELLED, asks="command: ls", asks_id="q")
    assert (state_words(ended), approval_rows(ended)) == ("cancelled", [])
    assert task_detail(ended, Path("/h")).asks == ""


def test_what_was_answered_is_shown_with_who_and_why() -> None:
    """The newest answer, who gave it and the words with it; nobody's answer is told as such."""
    answers = {"q1": Approval.APPROVE, "q2": Approval.DENY}
    denied = _task(answers=answers, answer_by="ann", answer_why="use tox")
    assert approval_rows(denied) == [("answered", "denied by ann: use tox")]
    assert task_detail(denied, Path("/h")).answers == {"q1": "approve", "q2": "deny"}
    expired = _task(answers={"q1": Approval.EXPIRED})
    assert approval_rows(expired) == [("answered", "denied: nobody answered in time")]
