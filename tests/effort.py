"""How much is tried. Job: the usual run tries a share of what the long one (`EZ_TESTS_LONG=1`, `make nightly`) does."""

from __future__ import annotations

import os

import pytest

LONG = bool(os.environ.get("EZ_TESTS_LONG"))
long_only = pytest.mark.skipif(not LONG, reason="runs in the long run: EZ_TESTS_LONG=1")


def share(most: int, part: int = 3) -> int:
    """`most` in the long run, a part of that in the usual one; at least 1."""
    return most if LONG else max(1, most // part)
