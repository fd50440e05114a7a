"""What the attempts at a task did, from their journals. Job: rows for people and programs. Not its job: printing.

A journal is read while it is written: what is shown is what was finished by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ezaigents.agents.model.conversation import Conversation
from ezaigents.agents.model.journal import (
    Answered,
    Asked,
    Began,
    Checked,
    Did,
    Folded,
    Paused,
    Record,
    Reopened,
    Tried,
    TryRow,
    read_records,
)
from ezaigents.errors import InputError
from ezaigents.providers.transcript import Reply, Stop, Text, ToolCall
from ezaigents.records import Task, TaskState

_COUNTED_MOST = 200
"""Journals that are read to show a run."""
_ALL_FENCES = 2**62


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `what`: began, asked, try, answered, refused, tool, paused, folded, checked.

    `step`: 0 = before all. `text`: whole, as the model or tool said it.
    """

    at_ms: int
    step: int
    what: str
    text: str
    failed: bool = False
    route: str = ""
    cost_microusd: int = 0
    tokens: int = 0
    simulated: bool = False


def with_costs(tasks: Sequence[Task], home: Path) -> list[Task]:
    """The tasks with what their journals say they cost, where the engine was not told: stopped, or still at work."""
    open_ended = [task for task in tasks if task.state is not TaskState.DONE][:_COUNTED_MOST]
    found = {task.id: _with_cost(task, home) for task in open_ended}
    return [found.get(task.id, task) for task in tasks]


def _with_cost(task: Task, home: Path) -> Task:
    try:
        talk = Conversation(read_records(home / "tasks" / task.id, before=_ALL_FENCES)[0])
    except (OSError, msgspec.DecodeError):
        return task
    if talk.cost_microusd < task.cost_microusd or not talk.steps:
        return task
    return msgspec.structs.replace(
        task,
        cost_microusd=talk.cost_microusd,
        calls=talk.steps,
        tokens=talk.tokens,
        simulated=talk.simulated,
    )


def step_rows(task: Task, home: Path) -> list[StepRow]:
    """Everything the attempts at a task wrote down, oldest first. Raises InputError where there is nothing to read."""
    folder = home / "tasks" / task.id
    try:
        records, _ = read_records(folder, before=_ALL_FENCES)
    except FileNotFoundError:
        records = []
    except (OSError, msgspec.DecodeError) as error:
        raise InputError("id", f"the journal of task {task.id} cannot be read: {error}") from error
    return list(_rows(records))


def failed_tries(task: Task, home: Path) -> dict[str, int]:
    """How often calls of a task failed, by route and how."""
    counts: dict[str, int] = {}
    for row in step_rows(task, home):
        if row.what == "try" and row.failed:
            name = f"{row.route} {row.text.partition(':')[0]}"
            counts[name] = counts.get(name, 0) + 1
    return counts


def _rows(records: Sequence[Record]) -> Iterator[StepRow]:
    step = 0
    names: dict[str, str] = {}
    for record in records:
        match record:
            case Began(at_ms=at_ms, attempt=attempt):
                yield StepRow(
                    at_ms=at_ms, step=step, what="began", text=f"attempt {attempt}" if attempt else "gone back"
                )
            case Asked(at_ms=at_ms, text=text) | Reopened(at_ms=at_ms, text=text):
                yield StepRow(at_ms=at_ms, step=step, what="asked", text=text)
            case Tried(at_ms=at_ms, tries=tries, step=tried):
                yield from _tries(at_ms, tried, tries)
            case Answered(at_ms=at_ms, reply=reply, tries=tries):
                step = record.step
                yield from _tries(at_ms, step, [one for one in tries if one.outcome != "ok"])
                names |= {part.id: part.name for part in reply.parts if isinstance(part, ToolCall)}
                yield _answer(record, reply)
            case Did(at_ms=at_ms, call=call, text=text, failed=failed):
                words = f"{names.get(call, 'tool')}: {text}"
                yield StepRow(at_ms=at_ms, step=step, what="tool", text=words, failed=failed)
            case Paused(at_ms=at_ms, for_ms=for_ms):
                yield StepRow(at_ms=at_ms, step=step, what="paused", text=f"for {for_ms / 1000:.0f} s")
            case Folded(at_ms=at_ms, turns=turns):
                yield StepRow(at_ms=at_ms, step=step, what="folded", text=f"old results of {turns} turns left out")
            case Checked(at_ms=at_ms, argv=argv, exit_code=code, ended=ended, output=output):
                how = f"exit code {code}" if code is not None else ended
                text = f"{' '.join(argv)}: {how}\n{output}"
                yield StepRow(at_ms=at_ms, step=step, what="checked", text=text, failed=code != 0)


def _tries(at_ms: int, step: int, tries: Sequence[TryRow]) -> Iterator[StepRow]:
    for one in tries:
        status = f" {one.status}" if one.status else ""
        key = f", key {one.key}" if one.key else ""
        text = f"{one.outcome}:{status}{key}, {one.took_s:.2f} s. {one.message}"
        yield StepRow(at_ms=at_ms, step=step, what="try", text=text, failed=one.outcome != "ok", route=one.route)


def _answer(record: Answered, reply: Reply) -> StepRow:
    said = " ".join(part.text for part in reply.parts if isinstance(part, Text))
    calls = ", ".join(f"{part.name} {part.arguments}" for part in reply.parts if isinstance(part, ToolCall))
    usage = reply.usage
    return StepRow(
        at_ms=record.at_ms,
        step=record.step,
        what="refused" if reply.stop is Stop.REFUSAL else "answered",
        text=" -> ".join(filter(None, (said, calls))) or "nothing",
        route=reply.route,
        cost_microusd=record.cost_microusd,
        tokens=usage.input_total + usage.output if usage else 0,
        simulated=reply.simulated,
    )
