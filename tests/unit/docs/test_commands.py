"""Documents do not speak of commands, options and targets that are not there."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.docs.documents import IS_SOURCE_TREE, PACKAGE, ROOT, documents, named_commands, shown

_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
_HELP_ROW = re.compile(r"^  ([a-z]+) {2,}\S", re.MULTILINE)


@functools.cache
def _help(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ezaigents", *command, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@functools.cache
def _commands() -> frozenset[str]:
    return frozenset(_HELP_ROW.findall(_help().partition("Commands:")[2]))


def _unknown(words: list[str]) -> list[str]:
    """What of one call, as words, is not there."""
    if words[0] == "make":
        targets = _TARGET.findall((ROOT / "Makefile").read_text("utf-8")) if IS_SOURCE_TREE else words[1:]
        return [word for word in words[1:2] if re.fullmatch(r"[a-z-]+", word) and word not in targets]
    command = words[1]
    if not re.fullmatch(r"[a-z-]+", command):
        return []  # a placeholder
    if command.startswith("-"):
        return [command] if command not in _help() else []
    if command not in _commands():
        return [command]
    given = [word.partition("=")[0] for word in words[2:] if re.fullmatch(r"--[a-z-]+(=.*)?", word)]
    named = words[1:3] if words[2:] and words[2] in _HELP_ROW.findall(_help(command)) else words[1:2]
    return [option for option in given if not re.search(rf"{option}\b", _help(*named))]


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_named_commands_exist(document: Path) -> None:
    """Every command, option and make target that a document names exists."""
    calls = list(named_commands(document.read_text("utf-8")))
    missing = {" ".join(call): unknown for call in calls if (unknown := _unknown(call))}
    assert not missing


@pytest.mark.parametrize("call", ["ez fly", "ez up --nowhere", "ez --nowhere", "make nothing"])
def test_a_missing_command_is_seen(call: str) -> None:
    """A call of something that is not there is found in a code span and in a fenced block."""
    if call.startswith("make") and not IS_SOURCE_TREE:
        pytest.skip("the Makefile belongs to the source tree")
    in_block = [_unknown(words) for words in named_commands(f"```console\n$ {call} # why\n```\n")]
    assert in_block == [[call.rsplit(maxsplit=1)[-1]]]
    if not call.startswith("ez --"):
        assert [_unknown(words) for words in named_commands(f"try `{call}`")] == in_block


def test_every_command_is_documented() -> None:
    """Each command of `ez --help` has its place in docs/cli.md."""
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert not [command for command in sorted(_commands()) if f"ez {command}" not in text]


def test_every_command_has_its_file() -> None:
    """Each command of `ez --help` is a file of the commands folder, and the other way round."""
    files = {path.stem for path in (PACKAGE / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert files == _commands()
