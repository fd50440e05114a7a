"""Where a scorecard's fleets live: a folder on a disk, with a workspace, simulated models, and data folders for each.

Job: make it, guard it, remove it. Nothing of the user's data folder, keys or prices is seen there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ezaigents.errors import ConfigError, LimitReached
from ezaigents.scorecard.clearing import clear
from ezaigents.scorecard.disk import disk_folder
from ezaigents.scorecard.workspace import write_workspace
from ezaigents.settings import Settings, load_settings
from ezaigents.simulate import start_simulator

_FREE_BYTES = 300 * 1024 * 1024
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "USER")


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """`sim_url`, `sim_log`: the simulated models of all fleets, and their log of calls. `files`: of the workspace.

    `message_ttl_s`: the window of messages, in every fleet alike: the usual hour would not pass while one measures.
    """

    folder: Path
    workspace: Path
    sim_url: str
    sim_log: Path
    files: tuple[str, ...]
    message_ttl_s: float

    def settings(self, number: int, switched: dict[str, str]) -> Settings:
        """The settings of a fleet, for whoever visits it."""
        return load_settings(environ=self.environ(number, switched), cwd=self.workspace)

    def environ(self, number: int, switched: dict[str, str]) -> dict[str, str]:
        """The whole environment of a fleet. `switched`: what makes it go without some optimisations."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return (
            kept
            | switched
            | {
                "EZ_HOME": str(self.folder / f"home-{number}"),
                "EZ_WORKSPACE": str(self.workspace),
                "EZ_CONFIG_HOME": str(self.folder / "config"),
                "EZ_PORT": "0",
                "EZ_MODELS": "simulated",
                "EZ_SIM_URL": self.sim_url,
                "EZ_MESSAGE_TTL_S": str(self.message_ttl_s),
            }
        )


@contextlib.contextmanager
def open_ground(
    message_ttl_s: float, within: Path | None = None, *, keep_free_bytes: int = _FREE_BYTES
) -> Iterator[Ground]:
    """A ground that is gone afterwards, whatever happens. `within`: where to make it; None = a folder on a disk.

    Raises LimitReached where the disk is too full, ConfigError where nothing can be made there.
    """
    base = within or disk_folder()
    try:
        free = shutil.disk_usage(base).free
        if free < keep_free_bytes:
            raise LimitReached(
                f"{base} has {free / 1e6:,.0f} MB free, and a scorecard's fleets want {keep_free_bytes / 1e6:,.0f}; "
                "make room, or set TMPDIR to a folder on another disk"
            )
        folder = Path(tempfile.mkdtemp(prefix="ez-scorecard-", dir=base))
    except OSError as error:
        raise ConfigError(f"{base}: cannot be used: {error.strerror}; set TMPDIR to another folder") from error
    with _guarded(folder):
        workspace = folder / "work"
        try:
            files = write_workspace(workspace)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be written: {error.strerror}; set TMPDIR to another folder") from error
        log = folder / "calls.jsonl"
        with start_simulator([Path(__file__).parent / "workload.toml"], bare=True, log=log) as simulator:
            yield Ground(
                folder=folder,
                workspace=workspace,
                sim_url=simulator.ready(),
                sim_log=log,
                files=tuple(files),
                message_ttl_s=message_ttl_s,
            )


@contextlib.contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """Clear the folder in the end; should this process be killed, its guard does."""
    heard, ours = os.pipe()
    try:
        guard = subprocess.Popen(
            [sys.executable, "-P", "-m", "ezaigents.scorecard.guard", str(heard), str(folder)],
            pass_fds=(heard,), start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        os.close(ours)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        os.close(heard)
    try:
        yield
    finally:
        clear(folder)
        with contextlib.suppress(OSError):
            os.write(ours, b".")
        os.close(ours)
        guard.wait()
