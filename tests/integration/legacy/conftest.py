"""A real Redis as the old server, and the fixtures of the runtime's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import redis_program
from tests.integration.legacy.old import Old
from tests.integration.runtime.fixtures import settings, start_host

__all__ = ["old", "settings", "start_host"]


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    """The old system's Redis, empty."""
    program = redis_program()
    if program is None:
        pytest.skip("needs redis-server on PATH")
    folder = tmp_path / "old"
    folder.mkdir()
    made = Old(folder, program)
    yield made
    made.stop()
