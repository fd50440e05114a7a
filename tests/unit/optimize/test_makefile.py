"""`make switches` and `make nightly` go without each switch that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ezaigents.optimize import SWITCHES

_MAKEFILE = Path(__file__).parents[3] / "Makefile"


@pytest.mark.skipif(not _MAKEFILE.exists(), reason="belongs to the source tree")
def test_the_switches_of_the_makefile_are_all_of_them() -> None:
    """A switch that is added is tried."""
    found = re.search(r"^SWITCHES := (.*)$", _MAKEFILE.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    assert found[1].split() == [switch.name for switch in SWITCHES]
