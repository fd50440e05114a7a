"""Records in words. Job: times, states and what a model did, as people read them. Not its job: printing (show)."""

from __future__ import annotations

import time

from ezaigents.codec import counted, printable
from ezaigents.records import Approval, Task

_NEVER = ""
_ANSWERED = {
    Approval.APPROVE: "approved",
    Approval.DENY: "denied",
    Approval.EXPIRED: "denied: nobody answered in time",
}


def moment(at_ms: int) -> str:
    """A time as a person of this place reads it; "" for none."""
    if not at_ms:
        return _NEVER
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000))


def clock(at_ms: int) -> str:
    """The time of day, as a person of this place reads it."""
    return time.strftime("%H:%M:%S", time.localtime(at_ms / 1000))


def lasted(from_ms: int, to_ms: int) -> str:
    """How long something took; "" while it has not ended."""
    if not from_ms or to_ms < from_ms:
        return _NEVER
    took_s = (to_ms - from_ms) / 1000
    return f"{took_s:.2f} s" if took_s < 60 else f"{int(took_s) // 60} min {int(took_s) % 60} s"


def one_line(task: Task) -> str:
    """What became of a task, in words; what nobody did for real says so first."""
    if task.waits_for_answer:
        return f"asks: {printable(task.asks)}"
    text = task.error if task.state.value in ("dead", "skipped") else task.summary or task.error
    text = printable(text)
    marks = [word for word, holds in (("simulated", task.simulated), ("partial", task.partial)) if holds]
    return "".join(f"{word}: " for word in marks if not text.startswith(f"{word}:")) + text


def state_words(task: Task) -> str:
    """Its state, and whether a person is waited for."""
    return f"{task.state.value} (asks)" if task.waits_for_answer else task.state.value


def model_rows(task: Task) -> list[tuple[str, str]]:
    """What a model had to do with it, as names and values; those without a value are left out."""
    calls = counted(task.calls, "model call")
    used = f"{calls}, {task.tokens:,} tokens" if task.calls else ""
    return [
        ("partial", "it was not finished: the summary, or the error, says why" if task.partial else ""),
        ("models", "simulated: no model was asked" if task.simulated else used),
        ("simulated", used if task.simulated else ""),
        (
            "cost",
            f"${task.cost_microusd / 1e6:,.6f}{', simulated' if task.simulated else ''}" if task.cost_microusd else "",
        ),
    ]


def approval_rows(task: Task) -> list[tuple[str, str]]:
    """What it asks a person, with what to type; and what was said to what it asked before."""
    rows: list[tuple[str, str]] = []
    if task.waits_for_answer:
        rows += [
            ("asks", printable(task.asks)),
            ("shows it", f"`ez show --diff {task.id}`" if task.asks.startswith("apply ") else ""),
            ("answer it", f"`ez approve {task.id}` or `ez deny {task.id}`, before {moment(task.due_ms)}"),
        ]
    if task.answers:
        last, by, why = list(task.answers.values())[-1], task.answer_by, task.answer_why
        words = f"{_ANSWERED[last]}{f' by {by}' if by else ''}{f': {why}' if why else ''}"
        rows.append(("answered", printable(words)))
    return rows
