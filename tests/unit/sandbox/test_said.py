"""What is kept of what a command says."""

from __future__ import annotations

import pytest

from ezaigents.sandbox.launch import Said


def test_a_little_is_kept_whole() -> None:
    """As long as it fits, nothing is left out."""
    said = Said(100)
    for _ in range(10):
        said.add(b"0123456789")
    assert said.kept() == b"0123456789" * 10


@pytest.mark.parametrize("window_bytes", [1, 7, 50, 1000, 5000])
def test_head_and_tail_are_kept_and_the_rest_is_counted(window_bytes: int) -> None:
    """Whatever the pieces it comes in, the same is kept, and it is said how much is missing."""
    everything = b"".join(b"%04d" % number for number in range(1000))
    said = Said(100)
    for start in range(0, len(everything), window_bytes):
        said.add(everything[start : start + window_bytes])
    assert said.kept() == everything[:50] + b"\n[... 3900 bytes left out ...]\n" + everything[-50:]
    assert said.total_bytes == 4000
