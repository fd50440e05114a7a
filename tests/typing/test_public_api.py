"""The public API is what it says it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ezaigents


def _names_used() -> set[str]:
    tree = ast.parse(Path(__file__).with_name("api.py").read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("name", ezaigents.__all__)
def test_a_public_name_is_there_and_its_type_is_checked(name: str) -> None:
    """Each public name can be imported, and the typing test uses it."""
    assert getattr(ezaigents, name) is not None
    assert name in _names_used()


def test_an_unknown_name_is_refused_as_usual() -> None:
    """A name that is not public is an AttributeError, not an import of something else."""
    name = "Nothing"
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        getattr(ezaigents, name)


def test_the_package_says_that_it_is_typed() -> None:
    """Checkers of other programs read our types: the package carries py.typed."""
    assert Path(ezaigents.__file__).with_name("py.typed").exists()
