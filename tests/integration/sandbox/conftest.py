"""The sandboxes that can be had here, and a folder for commands to work in."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.sandbox.inside import Inside

from ezaigents.sandbox import Sandbox, kernel
from ezaigents.sandbox.bubblewrap import Bubblewrap
from ezaigents.sandbox.find import try_bubblewrap
from ezaigents.sandbox.landlock import Landlock
from ezaigents.sandbox.walls import Walls, walls_for
from ezaigents.settings import load_settings


@pytest.fixture
def walls(tmp_path: Path) -> Walls:
    """What is shown and hidden by default."""
    return walls_for(load_settings({"workspace": str(tmp_path), "home": str(tmp_path / "home")}, environ={}))


@pytest.fixture(params=["bubblewrap", "landlock"])
def sandbox(request: pytest.FixtureRequest, walls: Walls) -> Sandbox:
    """Each of the two, where it works."""
    return bubblewrap(walls) if request.param == "bubblewrap" else landlock(walls)


def bubblewrap(walls: Walls) -> Sandbox:
    """Skips where the program is missing or may not make namespaces; where it may, ours has to work."""
    trial = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    if shutil.which("bwrap") is None or subprocess.run(trial, capture_output=True, check=False).returncode != 0:
        pytest.skip("bwrap is not installed, or may not make namespaces here")
    found, reason = try_bubblewrap(walls)
    assert isinstance(found, Bubblewrap), reason
    return found


def landlock(walls: Walls) -> Sandbox:
    """As root too, where it is not offered: its walls are the same, only the limit on processes does not hold."""
    if kernel.landlock_abi() < kernel.LEAST_ABI or not kernel.has_seccomp():
        pytest.skip("the kernel has no Landlock that would do")
    return Landlock(walls)


@pytest.fixture
def inside(sandbox: Sandbox, tmp_path: Path) -> Inside:
    """Runs commands in a folder of its own."""
    folder = tmp_path / "copy"
    folder.mkdir()
    return Inside(sandbox, folder)


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder outside that every user may read and write: only a sandbox is in the way."""
    folder = Path(tempfile.mkdtemp(prefix="ez-outside-", dir="/var/tmp"))
    folder.chmod(0o777)
    (folder / "secret").write_text("the canary")
    (folder / "secret").chmod(0o666)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def only_root() -> None:
    """Skips for everybody else."""
    if os.geteuid() != 0:
        pytest.skip("only root has rights to lose")
