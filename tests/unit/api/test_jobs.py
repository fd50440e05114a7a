"""What a program asks for becomes a wish, or an error that names the field of the request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ezaigents.api.failing import status_of
from ezaigents.api.jobs import JobSpec, resolver_of, wish_of
from ezaigents.errors import EzError, InputError
from ezaigents.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "work" / "sub").mkdir(parents=True)
    (tmp_path / "work" / "a.py").write_text("x")
    (tmp_path / "work" / "home").mkdir()
    (tmp_path / "work" / "loop").symlink_to("loop")
    (tmp_path / "work" / "out").symlink_to("/etc")
    os.mkfifo(tmp_path / "work" / "pipe")
    return Settings(workspace=str(tmp_path / "work"), home=str(tmp_path / "work" / "home"))


def _asked(**changed: Any) -> JobSpec:
    return JobSpec(**{"prompt": "x", **changed})


def test_what_is_left_out_is_as_on_the_command_line(settings: Settings) -> None:
    """A job of a prompt alone is about the whole workspace, with the defaults of `ez run`."""
    wish = wish_of(_asked(), resolver_of(settings))
    assert (wish.paths, wish.agent, wish.priority, wish.max_attempts) == (("",), "auto", 5, 3)
    assert (wish.delay_ms, wish.deadline_ms, wish.budget_microusd, wish.check, wish.key) == (0, 0, 0, (), "")


def test_units_are_turned_into_ours(settings: Settings) -> None:
    """Seconds become milliseconds, dollars millionths; what is more than nothing never becomes nothing."""
    wish = wish_of(
        _asked(delay_s=1.5, budget_usd=0.25, check="make 'a b'", paths=("sub", "a.py")), resolver_of(settings)
    )
    assert (wish.delay_ms, wish.budget_microusd) == (1500, 250_000)
    assert (wish.check, wish.paths) == (("make", "a b"), ("sub", "a.py"))
    assert wish_of(_asked(budget_usd=1e-300), resolver_of(settings)).budget_microusd == 1
    assert wish_of(_asked(deadline_s=60), resolver_of(settings)).deadline_ms > 0


def test_a_key_of_the_job_goes_before_that_of_the_request(settings: Settings) -> None:
    """Each job may have its own key; else it has the one that came with all of them."""
    assert wish_of(_asked(key="mine"), resolver_of(settings), "all").key == "mine"
    assert wish_of(_asked(), resolver_of(settings), "all").key == "all"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", -1),
        ("priority", 10),
        pytest.param("priority", 10**400, id="priority-huge"),
        pytest.param("priority", -(10**400), id="priority-minus-huge"),
        ("max_attempts", 0),
        ("max_attempts", 1001),
        pytest.param("max_attempts", 10**400, id="max_attempts-huge"),
        ("delay_s", -0.001),
        ("delay_s", 366 * 86_400.0),
        ("delay_s", float("inf")),
        ("delay_s", float("nan")),
        ("deadline_s", -1.0),
        ("deadline_s", 1e308),
        ("deadline_s", float("nan")),
        ("budget_usd", -0.01),
        ("budget_usd", 1_000_001.0),
        ("budget_usd", float("nan")),
        ("paths", ("a.py",) * 1001),
        ("paths", ("a\0b",)),
    ],
)
def test_what_is_out_of_bounds_is_refused(settings: Settings, field: str, value: Any) -> None:
    """A number beyond its bounds, however far, is an error of the input that names the field."""
    with pytest.raises(InputError) as refused:
        wish_of(_asked(**{field: value}), resolver_of(settings))
    assert refused.value.field == field
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("paths", (path,))
            for path in ("", "..", "/etc", "out", "nix", "a.py/x", "home", "loop", "pipe", "x" * 5000)
        ),
        *(("check", check) for check in ("a 'b", "a | b", "a\0b", "''", "x" * 70_000)),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_cannot_be_is_an_error_of_the_input(settings: Settings, field: str, value: Any) -> None:
    """Paths that lead out or nowhere, and commands that are none, are for whoever asked to mend."""
    with pytest.raises(EzError) as refused:
        wish_of(_asked(**{field: value}), resolver_of(settings))
    assert status_of(refused.value) == 422
