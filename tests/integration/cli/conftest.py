"""A place of its own for each test, left as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.cli.installed import Place, collect_orphans

SOURCE = '''"""A module."""


def simple(a):
    return a


def knotty(a, b):
    # TODO: untie
    for x in range(a):
        if x > b and a:
            while b:
                b -= 1
        elif x:
            return x
    return a or b
'''


@pytest.fixture(scope="session", autouse=True)
def _orphans_are_collected() -> None:
    """A killed host disappears, as on a machine whose first process does its duty."""
    collect_orphans()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A workspace with three files; whatever a test leaves running fails it."""
    made = _make(tmp_path)
    yield made
    made.ez("down")
    left = made.clear()
    assert not left, f"left running: {left}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place with a living fleet, for the tests of one file that only read, or use ids of their own."""
    made = _make(tmp_path_factory.mktemp("shared"))
    made.up()
    yield made
    made.ez("down")
    left = made.clear()
    assert not left, f"left running: {left}"


def _make(folder: Path) -> Place:
    made = Place(folder)
    made.write("knots.py", SOURCE)
    made.write("pkg/plain.py", "x = 1\n")
    made.write("notes.md", "# Notes\n")
    return made
