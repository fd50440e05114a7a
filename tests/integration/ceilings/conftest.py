"""The ceilings, and fleets that are measured as a user would have them: with byte code in place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from bench.fleet import running_fleet, temporary_settings

_CEILINGS = Path(__file__).parents[3] / "bench" / "ceilings.toml"


@pytest.fixture(scope="session")
def ceilings() -> dict[str, dict[str, Any]]:
    """bench/ceilings.toml."""
    return tomllib.loads(_CEILINGS.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def byte_code() -> None:
    """A process that compiles what it imports weighs more: one fleet leaves the byte code for those measured."""
    with temporary_settings() as settings, running_fleet(settings):
        pass
