"""A desk of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.agents.tools.desk import Desk

from ezaigents.agents.tools import Toolbox


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.files.close()


@pytest.fixture
def box(desk: Desk) -> Toolbox:
    return Toolbox(desk)
