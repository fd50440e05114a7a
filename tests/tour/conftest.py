"""A small workspace and a data folder for each test; whatever engine lives there afterwards is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ezaigents.engine.process import engine_pid
from ezaigents.settings import Settings
from tests.switched import off_in_settings

_TANGLE = '''"""A module."""


def tangle(a, b):
    for x in range(a):
        if x > b and a:
            while b:
                b -= 1
        elif x:
            return x
    return a or b
'''


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A workspace with `README.md` and `tangle.py`, and a data folder beside it."""
    workspace = tmp_path / "work"
    workspace.mkdir()
    (workspace / "README.md").write_text("# Read me\n")
    (workspace / "tangle.py").write_text(_TANGLE)
    yield Settings(home=str(tmp_path / "home"), workspace=str(workspace), **off_in_settings())
    for lock in tmp_path.rglob("engine.lock"):
        pid = engine_pid(lock.parent)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
