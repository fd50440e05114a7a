"""Decisions are pages of one form, and the index lists them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from tests.unit.docs.documents import ROOT

_FOLDER = ROOT / "docs" / "decisions"
_PAGES = sorted(_FOLDER.glob("*.md"))
_MOST_LINES = 90
_CEILING = 26
_OLD_PYTHON_ONLY = "async-timeout"


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.stem)
def test_a_decision_is_one_page_of_the_usual_form(page: Path) -> None:
    """A decision is titled by its number, is at most a page long, and says what was decided and in which context."""
    lines = page.read_text("utf-8").splitlines()
    assert lines[0].startswith(f"# {page.stem[:4]}")
    assert len(lines) <= _MOST_LINES
    assert {"## Context", "## Decision", "## Consequences"} <= set(lines)


def test_the_index_lists_every_decision() -> None:
    """docs/README.md lists every decision under its number, and none twice."""
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    listed = re.findall(r"\[(\d{4})\]\((decisions/[^)]+)\)", index)
    assert listed == [(page.stem[:4], f"decisions/{page.name}") for page in _PAGES]


def test_every_dependency_has_its_reason() -> None:
    """Each runtime dependency has a line in the decision about them."""
    page = (_FOLDER / "0002-dependencies.md").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [re.split(r"[<>=; ]", requirement)[0] for requirement in project["dependencies"]]
    assert names
    assert not [name for name in names if f"| `{name}` |" not in page]


@pytest.mark.skipif(not (ROOT / "requirements.lock").exists(), reason="the lock belongs to the source tree")
def test_there_are_no_more_distributions_than_decided() -> None:
    """The lock names at most twenty-six distributions, besides one that only old releases of Python 3.11 ask for."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    names = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)) - {_OLD_PYTHON_ONLY}
    assert 0 < len(names) <= _CEILING
