"""What a task may be. Job: refuse, with the field's name, what the scripts could not keep exactly. Not its job: paths.

Lua counts in doubles and lanes are parsed by their separators, so this is a guard of the queue, not only a courtesy.
"""

from __future__ import annotations

from collections.abc import Sequence

from ezaigents.errors import InputError
from ezaigents.ids import is_id
from ezaigents.policy import ASKS_MAX_BYTES, PAYLOAD_MAX_BYTES
from ezaigents.records import Run, TaskSpec

TITLE_MAX_BYTES = 1024
KEY_MAX_BYTES = 512
NAME_MAX_BYTES = 128
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999: far below 2**53, beyond which Lua loses milliseconds."""
DELAY_MOST_MS = 10 * 366 * 86_400_000
ATTEMPTS_MOST = 1000
ANSWER_WITHIN_MS = 7 * 86_400_000
"""So long a task waits for a person: over a weekend and a holiday, and not for ever."""
_QUESTION_MOST = 64
_NUMBERS = (
    ("priority", 0, 9),
    ("delay_ms", 0, DELAY_MOST_MS),
    ("deadline_ms", 0, LATEST_MS),
    ("max_attempts", 1, ATTEMPTS_MOST),
)
_TEXTS = (("title", TITLE_MAX_BYTES), ("payload", PAYLOAD_MAX_BYTES), ("key", KEY_MAX_BYTES))


def check_question(question: str, text: str) -> None:
    """Raise InputError for a question that cannot be stored: letters and digits name it, its text is bounded."""
    if not (question.isascii() and question.isalnum() and len(question) <= _QUESTION_MOST):
        raise InputError("question", f"{question[:80]!r} must be at most {_QUESTION_MOST} letters and digits")
    _check_text("asks", text, ASKS_MAX_BYTES)


def check_specs(specs: Sequence[TaskSpec], run: Run) -> None:
    """Raise InputError for the first thing that cannot be stored as it is."""
    if not is_id(run.id):
        raise InputError("run", f"{run.id!r} is not an id")
    lanes: set[tuple[str, str]] = set()
    for spec in specs:
        if spec.run != run.id:
            raise InputError("run", f"task {spec.id} is of run {spec.run}, and was handed in with run {run.id}")
        if (spec.agent, spec.place) not in lanes:
            _check_lane(spec)
            lanes.add((spec.agent, spec.place))
        _check_spec(spec)


def _check_lane(spec: TaskSpec) -> None:
    for field, name in (("agent", spec.agent), ("place", spec.place)):
        _check_text(field, name, NAME_MAX_BYTES)
        if not name or any(char in "@!" or char.isspace() for char in name):
            raise InputError(field, f"{name!r} is empty or holds white space, '@' or '!'")


def _check_spec(spec: TaskSpec) -> None:
    for task_id in (spec.id, *spec.parents):
        if not is_id(task_id):
            raise InputError("id" if task_id is spec.id else "parents", f"{task_id!r} is not an id")
    for field, least, most in _NUMBERS:
        number = getattr(spec, field)
        if type(number) is not int or not least <= number <= most:
            raise InputError(field, f"must be a whole number from {least} to {most}, not {number!r}")
    for field, limit in _TEXTS:
        _check_text(field, getattr(spec, field), limit)


def _check_text(field: str, text: str, limit: int) -> None:
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise InputError(field, "is not valid UTF-8; hand it in as `storable` makes it") from None
    if size > limit:
        raise InputError(field, f"is {size} bytes, limit {limit}")
