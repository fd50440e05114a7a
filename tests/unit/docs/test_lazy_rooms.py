"""Rooms that load their files when asked: what they say they give, what type checkers read, and what is there."""

from __future__ import annotations

import ast
import importlib
import types
from pathlib import Path

import pytest

_ROOMS = (
    "audit",
    "backup",
    "budget",
    "providers",
    "workspace",
    "team",
    "patches",
    "agents.tools",
    "simulate",
    "sandbox",
    "worktrees",
    "monitor",
    "legacy",
    "scorecard",
)


def _imported(tree: ast.Module, room: str) -> set[str]:
    """The names that the room's `__init__` imports, for type checkers or at once."""
    froms = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    prefix = f"ezaigents.{room}."
    return {alias.name for node in froms if (node.module or "").startswith(prefix) for alias in node.names}


@pytest.mark.parametrize("room", _ROOMS)
def test_a_room_gives_exactly_what_it_names(room: str) -> None:
    """Every name can be asked for, is what its file says, and type checkers are told the same."""
    package = importlib.import_module(f"ezaigents.{room}")
    tree = ast.parse(Path(str(package.__file__)).read_text("utf-8"))
    assert _imported(tree, room) == set(package.__all__)
    for name in package.__all__:
        assert not isinstance(getattr(package, name), types.ModuleType), f"{name} is a file, not what is in it"


@pytest.mark.parametrize("room", _ROOMS)
def test_a_name_nobody_has_is_an_attribute_error(room: str) -> None:
    """Misspelt, it fails as it would anywhere."""
    package = importlib.import_module(f"ezaigents.{room}")
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name
