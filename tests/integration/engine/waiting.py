"""Wait for something with a deadline, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(true: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Return as soon as `true()` is; fail after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:g} s: {true}")
        time.sleep(0.005)
