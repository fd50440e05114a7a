"""What SECURITY.md says is tested is tested."""

from __future__ import annotations

import re

import pytest
from tests.unit.docs.documents import IS_SOURCE_TREE, ROOT

pytestmark = pytest.mark.skipif(not IS_SOURCE_TREE, reason="documents name tests of the source tree")
_NAMED = re.compile(r"`(test_\w+)`")
_DEFINED = re.compile(r"^def (test_\w+)\(", re.MULTILINE)


def test_every_test_that_is_named_is_there() -> None:
    """Each attack in the table names tests, and each of them is defined."""
    rows = [line for line in (ROOT / "SECURITY.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    defined = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in _DEFINED.findall(path.read_text("utf-8"))
    }
    assert len(rows) > 10
    for row in rows[1:]:
        named = set(_NAMED.findall(row))
        assert named, row
        assert named <= defined, named - defined
