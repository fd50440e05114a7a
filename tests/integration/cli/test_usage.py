"""What a user gets wrong on the command line: exit code 2, one line, and the way out."""

from __future__ import annotations

import re

import pytest
from tests.integration.cli.installed import Place

from ezaigents import __version__
from ezaigents.cli.app import COMMANDS


def test_help_names_every_command_and_the_exit_codes(place: Place) -> None:
    """`ez --help` shows every command there is, and what the exit codes mean."""
    done = place.ez("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", done.out, re.MULTILINE)
    assert "130 interrupted" in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(place: Place, name: str) -> None:
    """Each command explains itself."""
    done = place.ez(name, "--help")
    assert done.code == 0
    assert f"ez {name}" in done.out


def test_version(place: Place) -> None:
    """`ez --version` prints name and version."""
    assert place.ez("--version").out == f"ez {__version__}\n"


def test_no_arguments_is_help_and_a_usage_error(place: Place) -> None:
    """`ez` alone shows the help, and leaves with 2 because it did nothing."""
    done = place.ez()
    assert done.code == 2
    assert done.out.startswith("Usage: ez")


def test_unknown_command_names_the_nearest(place: Place) -> None:
    """A mistyped command is refused with the command that was probably meant."""
    done = place.ez("staus")
    assert done.code == 2
    assert "did you mean 'status'?" in done.error


def test_unknown_option_names_the_nearest(place: Place) -> None:
    """A mistyped option is refused with the option that was probably meant."""
    done = place.ez("run", "--agnt", "local", "x", ".")
    assert done.code == 2
    assert "--agent" in done.error


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--priority", "NaN"),
        ("--priority", "-1"),
        ("--priority", "10"),
        ("--priority", "1.5"),
        ("--delay", "nan"),
        ("--delay", "-1"),
        ("--delay", "inf"),
        ("--delay", "1e400"),
        ("--delay", "9" * 5000),
        ("--deadline", "0"),
        ("--deadline", "-inf"),
        ("--max-attempts", "0"),
        ("--max-attempts", "9" * 5000),
    ],
)
def test_numbers_out_of_range_are_refused(place: Place, option: str, value: str) -> None:
    """Not-a-number, negative and huge values of an option are refused with its range, in one bounded line."""
    done = place.ez("run", option, value, "x", ".")
    assert done.code == 2
    assert option in done.error
    assert "from" in done.error
    assert len(done.error) < 1000


@pytest.mark.parametrize("port", ["65536", "-1", "nan", "http"])
def test_ports_out_of_range_are_refused(place: Place, port: str) -> None:
    """A port is a whole number from 0 to 65535."""
    done = place.ez("up", "--port", port)
    assert done.code == 2
    assert "0 to 65535" in done.error


@pytest.mark.parametrize("option", [("--check", "make"), ("--apply",), ("--record",)])
def test_options_that_the_analyst_cannot_serve_are_refused(place: Place, option: tuple[str, ...]) -> None:
    """An option that means nothing to the chosen agent is refused with the reason, never ignored."""
    done = place.ez("run", "--agent", "local", *option, "x", ".")
    assert done.code == 2
    assert f"{option[0].strip('-')} needs another agent" in done.error
    assert place.processes() == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "--agent", "claude", "--check", " ", "x"), "--check: is empty"),
        (("agents", "--trust", "hello.py"), "neither an agent file"),
        (("retry", "--from", "0", "01abcdefghijklmnop"), "--from"),
    ],
)
def test_what_would_be_taken_for_something_else_is_refused(place: Place, words: tuple[str, ...], told: str) -> None:
    """What could only be a slip is said, and nothing is done."""
    done = place.ez(*words)
    assert done.code == 2
    assert told in done.error


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "x" * 65, "-x"])
def test_host_names_that_cannot_be_files_are_refused(place: Place, name: str) -> None:
    """A host's name becomes a file's name, so it is checked before it does."""
    assert place.ez("up", f"--name={name}").code == 2


@pytest.mark.parametrize("command", ["show", "cancel", "retry", "events"])
def test_what_cannot_be_an_id_is_refused(place: Place, command: str) -> None:
    """Text that has not the form of an id is a usage error, told without a fleet."""
    done = place.ez(command, "../../etc/passwd")
    assert done.code == 2
    assert "not the form of an id" in done.error


def test_a_patch_has_no_json(place: Place) -> None:
    """`ez show --diff --json` is refused: one of the two would have to be ignored."""
    done = place.ez("show", "--diff", "--json", "0" * 18)
    assert done.code == 2
    assert "no JSON" in done.error


@pytest.mark.parametrize("command", ["status", "tasks", "agents", "events", "purge"])
def test_readers_without_a_fleet_leave_with_3(place: Place, command: str) -> None:
    """What needs a fleet says that none runs, where, and how to start one; nothing goes to stdout."""
    done = place.ez(command)
    assert done.code == 3
    assert str(place.home) in done.error
    assert "ez up" in done.error
    assert done.out == ""
