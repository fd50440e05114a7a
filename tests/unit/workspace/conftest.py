"""A folder that other users may enter: pytest's own are closed to them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ez-shared-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
