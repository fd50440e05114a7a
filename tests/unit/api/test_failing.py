"""Every error of ours as a status, and as words that a program can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from ezaigents.api.failing import ProblemDetails, problem, problem_of, status_of
from ezaigents.client import FilesTaken
from ezaigents.errors import (
    ConfigError,
    EngineDown,
    EngineFull,
    EzError,
    GiveUp,
    InputError,
    KeyConflict,
    LimitReached,
    NotRunning,
    QueueFull,
    TaskGone,
)
from ezaigents.workspace import PathOutside


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TaskGone("x"), 404),
        (KeyConflict("k", "x"), 409),
        (InputError("prompt", "is empty"), 422),
        (PathOutside("../x"), 422),
        (QueueFull(5, 5), 503),
        (EngineFull("full"), 507),
        (EngineDown("down"), 503),
        (NotRunning("no"), 503),
        (LimitReached("no more money"), 402),
        (ConfigError("broken"), 500),
        (GiveUp("never"), 409),
        (EzError("something"), 409),
    ],
)
def test_each_error_has_the_status_that_says_what_to_do(error: EzError, status: int) -> None:
    """404 there is none, 409 not now, 422 mend the input, 402 raise a limit, 503 try again, 500 mend the fleet."""
    assert status_of(error) == status
    told_status, body, _ = problem_of(error)
    told = msgspec.json.decode(body, type=ProblemDetails)
    assert (told.status, told.detail, told_status) == (status, str(error), status)


def test_what_may_be_tried_again_says_when() -> None:
    """Exactly the errors that may pass by themselves, 503 and 507, carry Retry-After."""
    for error in (EngineDown("down"), NotRunning("no"), EngineFull("full"), QueueFull(5, 5)):
        assert problem_of(error)[2].keys() == {"retry-after"}
    for other in (TaskGone("x"), InputError("x", "y"), ConfigError("z"), LimitReached("no")):
        assert problem_of(other)[2] == {}


def test_an_error_of_the_input_names_the_field() -> None:
    """A program is told which of its fields is wrong, apart from the words."""
    assert msgspec.json.decode(problem_of(InputError("prompt", "is empty"))[1])["field"] == "prompt"
    assert "field" not in msgspec.json.decode(problem_of(TaskGone("x"))[1])


def _every_kind(kind: type[EzError]) -> Iterator[type[EzError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _every_kind(below)


def test_no_error_that_we_raise_is_taken_for_one_of_the_server() -> None:
    """Of our own errors, 500 is only for a configuration that cannot work."""
    assert FilesTaken in set(_every_kind(EzError))
    for kind in _every_kind(EzError):
        error: Any = kind.__new__(kind)
        if status_of(error) == 500:
            assert issubclass(kind, ConfigError), kind


def test_words_with_control_characters_are_made_harmless() -> None:
    """Text of a request that comes back in an error cannot move a terminal's cursor, nor is it lost."""
    assert msgspec.json.decode(problem(422, "a\x1b[2J\n\ud800b"))["detail"] == "a\\x1b[2J\\n\\ud800b"
