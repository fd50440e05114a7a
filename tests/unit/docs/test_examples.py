"""The programs in the documents run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.docs.documents import IS_SOURCE_TREE, ROOT, documents

_PROGRAM = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROGRAMS = [
    pytest.param(program, id=f"{document.name}-{number}")
    for document in documents()
    for number, program in enumerate(_PROGRAM.findall(document.read_text("utf-8")))
]


def test_there_are_programs() -> None:
    """The tour shows at least one program."""
    assert _PROGRAM.search((ROOT / "docs" / "tour.md").read_text("utf-8"))


@pytest.mark.parametrize("program", _PROGRAMS)
def test_a_program_of_the_documents_runs(program: str, tmp_path: Path) -> None:
    """A program in the documents runs as it stands, in a workspace with two files, and says something."""
    workspace = tmp_path / "work"
    workspace.mkdir()
    for name in ("one.txt", "two.txt"):
        (workspace / name).write_text("some words\n", encoding="utf-8")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("EZ_")}
    environ |= {"EZ_HOME": str(tmp_path / "home"), "EZ_WORKSPACE": str(workspace)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=workspace, env=environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "done" in done.stdout


@pytest.mark.skipif(not IS_SOURCE_TREE, reason="the examples are in the source tree")
def test_the_example_of_editing_together_runs(tmp_path: Path) -> None:
    """Both lines are there, the person's words stay, and it says that no model was asked."""
    program = str(ROOT / "examples" / "edit_together.py")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("EZ_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", program, str(tmp_path / "together")],
        env=environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no model is asked" in done.stdout
    text = (tmp_path / "together" / "workspace" / "list.txt").read_text()
    assert text.splitlines() == [
        "00 apples, red ones",
        "01 bread",
        "02 no cheese this time",
        "03 dates",
        "04 eggs, twelve",
    ]
