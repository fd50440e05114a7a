"""The children that look for something: bounded, without an environment, and gone afterwards."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from tests.unit.agents.tools.desk import children

from ezaigents.agents.tools.process import Ended, output_of


def end_of(*argv: str, limit_s: float = 20, most_bytes: int = 1000, given: bytes | None = None) -> Ended:
    return asyncio.run(output_of(argv, cwd=Path("/"), limit_s=limit_s, most_bytes=most_bytes, given=given))


def test_a_child_gets_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that the host has are not handed on."""
    monkeypatch.setenv("EZ_CANARY", "canary")
    assert end_of("/usr/bin/env").output == b"LC_ALL=C.UTF-8\n"


def test_output_is_bounded() -> None:
    """A child that never stops talking is ended when there is enough."""
    before = children()
    ended = end_of("/usr/bin/yes", most_bytes=100_000)
    assert (len(ended.output), ended.is_cut, ended.is_late, ended.code) == (100_000, True, False, None)
    assert children() <= before


def test_a_silent_child_is_ended() -> None:
    """What was said until then is kept, and the whole group is gone, what the child started with it."""
    before = children()
    script = "import os,time; os.write(1, b'here'); pid = os.fork(); time.sleep(60)"
    ended = end_of(sys.executable, "-I", "-S", "-c", script, limit_s=1)
    assert (ended.output, ended.is_late, ended.code) == (b"here", True, None)
    assert children() <= before


def test_a_child_that_reads_nothing_is_no_trouble() -> None:
    """Whoever ends before it has read all that it was given has still ended."""
    assert end_of("/usr/bin/true", given=b"x" * 1_000_000).code == 0


def test_a_program_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    """The caller hears of it as of any other failed call."""
    with pytest.raises(FileNotFoundError):
        end_of(str(tmp_path / "rg"))
