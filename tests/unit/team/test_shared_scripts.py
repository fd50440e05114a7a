"""Scripts of this room that share functions: what is put before them keeps the rules that hold for scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ezaigents import team
from ezaigents.queue import Keys
from ezaigents.queue.fsck.names import sort_of
from ezaigents.team import leases, radar
from ezaigents.team.scripts import scripts_with_shared

_LUA = Path(team.__file__).parent / "lua"
_SHARED = sorted((_LUA / "shared").glob("*.lua"))
_SCRIPTS = leases.SCRIPTS | radar.SCRIPTS
_CHANNELS = {"unlocked"}
_LINES_MOST = 60


@pytest.mark.parametrize("path", _SHARED, ids=lambda path: path.stem)
def test_shared_functions_name_only_known_keys(path: Path) -> None:
    """Every literal key is one of a known sort, or a channel."""
    for name in re.findall(r"P \.\. '([^']+)'", path.read_text()):
        assert name in _CHANNELS or sort_of(name) is not None
    assert Keys("x").unlocked() == "{ez:x}:unlocked"


@pytest.mark.parametrize("path", [*_SHARED, *(_LUA / f"{name}.lua" for name in _SCRIPTS)], ids=lambda path: path.stem)
def test_each_file_can_be_read_in_one_look(path: Path) -> None:
    """At most 60 lines, and its first words say what it is for."""
    lines = path.read_text().splitlines()
    assert len(lines) <= _LINES_MOST
    assert lines[path.parent == _LUA].startswith("-- ")


def test_everything_shared_is_used() -> None:
    """No file of lua/shared is left over."""
    assert {part for parts in _SCRIPTS.values() for part in parts} == {path.stem for path in _SHARED}


@pytest.mark.parametrize("name", sorted(_SCRIPTS))
def test_a_script_stands_behind_what_it_builds_on(name: str) -> None:
    """Its `#!lua` line comes first, then the prelude, what is shared, and itself."""
    text = scripts_with_shared({name: _SCRIPTS[name]})[name].text
    own = (_LUA / f"{name}.lua").read_text()
    first, rest = own.split("\n", 1)
    assert text.startswith(first + "\n")
    assert text.endswith(rest)
    parts = [(_LUA / "_prelude.lua").read_text(), *[(_LUA / "shared" / f"{p}.lua").read_text() for p in _SCRIPTS[name]]]
    assert text == f"{first}\n{''.join(parts)}{rest}"
