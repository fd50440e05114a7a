"""Documents do not speak of files that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.docs.documents import IS_SOURCE_TREE, PACKAGE, ROOT, documents, exists, named_paths, shown

pytestmark = pytest.mark.skipif(not IS_SOURCE_TREE, reason="documents name files of the source tree")
_README_MOST_LINES = 12


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_named_paths_exist(document: Path) -> None:
    """Every path that a document names exists."""
    missing = [name for name in named_paths(document.read_text("utf-8")) if not exists(name, document)]
    assert not missing, f"{shown(document)} names {missing}"


@pytest.mark.parametrize("name", ["docs/nothing.md", "runtime/nothing.py", "queue/lua/nothing.lua", "nothing.py"])
def test_a_missing_path_is_seen(name: str) -> None:
    """A path that does not exist is found in a link and in a code span."""
    for text in (f"see `{name}`", f"see [this]({name}#part)"):
        assert [found for found in named_paths(text) if not exists(found, ROOT / "docs" / "x.md")] == [name]


def test_every_room_has_a_short_readme_that_names_its_files() -> None:
    """Each room of the package has a README of at most 12 lines that names every source file in it."""
    wrong = []
    for folder in [path for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]:
        readme = folder / "README.md"
        text = readme.read_text("utf-8") if readme.exists() else ""
        if not 0 < len(text.splitlines()) <= _README_MOST_LINES:
            wrong.append(f"{folder.name}/README.md has {len(text.splitlines())} lines")
        unnamed = [file.name for file in folder.glob("*.py") if file.name != "__init__.py" and file.name not in text]
        wrong += [f"{folder.name}/README.md does not name {name}" for name in sorted(unnamed)]
    assert not wrong


def test_the_map_is_whole() -> None:
    """The README's map names every folder of the tree that holds sources or documents."""
    readme = (ROOT / "README.md").read_text("utf-8")
    for folder in ("src/ezaigents/", "docs/", "tests/", "bench/", "examples/"):
        assert f"`{folder}`" in readme or f"[{folder}]" in readme
