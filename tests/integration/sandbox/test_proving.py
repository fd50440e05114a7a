"""Finding a sandbox, and proving that it holds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ezaigents.sandbox import OUTPUT_BYTES, CommandOutcome, Ended, Sandbox, find_sandbox, prove
from ezaigents.sandbox.find import try_landlock
from ezaigents.sandbox.walls import Walls
from ezaigents.settings import load_settings


class _NoWalls:
    """Runs a command as anybody would."""

    name = "none"

    async def run(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        cwd: str = "",
        timeout_s: float,
        memory_bytes: int,
        output_bytes: int = OUTPUT_BYTES,
        environ: Mapping[str, str] = {},
    ) -> CommandOutcome:
        process = await asyncio.create_subprocess_exec(*argv, cwd=folder / cwd, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        return CommandOutcome(
            argv=tuple(argv), exit_code=0, signal=0, ended=Ended.EXITED, output=output, took_s=0, leftovers=0
        )


class _NothingRuns(_NoWalls):
    """Looks for its programs where there are none."""

    async def run(self, argv: Sequence[str], **given: Any) -> CommandOutcome:
        return await super().run(["false"], **given)


def test_the_sandbox_holds(sandbox: Sandbox) -> None:
    """Every attempt to escape fails."""
    proofs = prove(sandbox)
    assert {proof.name: proof.holds for proof in proofs} == dict.fromkeys(
        ("read", "write", "tcp", "udp", "sockets", "signal", "environment"), True
    )


def test_no_walls_are_seen_as_such() -> None:
    """Each attempt succeeds where there is no sandbox, so that its failure proves something."""
    assert {proof.name: proof.holds for proof in prove(_NoWalls())} == dict.fromkeys(
        ("read", "write", "tcp", "udp", "sockets", "signal", "environment"), False
    )


def test_a_sandbox_in_which_nothing_runs_proves_nothing() -> None:
    """That attempts could not be made is a failure, never a pass."""
    assert [(proof.name, proof.holds) for proof in prove(_NothingRuns())] == [("attempts", False)]


def test_commands_that_are_switched_off_are_off(tmp_path: Path) -> None:
    """The setting counts before anything is tried."""
    settings = load_settings({"workspace": str(tmp_path), "home": str(tmp_path), "commands": "off"}, environ={})
    sandbox, reason = find_sandbox(settings)
    assert sandbox is None
    assert "switched off" in reason


def test_the_best_that_works_is_found(sandbox: Sandbox, tmp_path: Path) -> None:
    """bubblewrap where it works."""
    settings = load_settings({"workspace": str(tmp_path), "home": str(tmp_path / "home")}, environ={})
    found, reason = find_sandbox(settings)
    if sandbox.name == "bubblewrap":
        assert found is not None
        assert (found.name, reason) == ("bubblewrap", "")


@pytest.mark.usefixtures("only_root")
def test_root_gets_no_sandbox_that_leaves_it_root() -> None:
    """Without bubblewrap commands are off for root, with the reason."""
    sandbox, reason = try_landlock(Walls())
    assert sandbox is None
    assert "root" in reason
    assert os.geteuid() == 0
