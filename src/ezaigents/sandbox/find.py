"""Which sandbox works here. Job: try them, best first. Not its job: proving that it holds (prove)."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ezaigents.sandbox.bubblewrap import Bubblewrap
from ezaigents.sandbox.landlock import Landlock
from ezaigents.sandbox.outcome import Sandbox
from ezaigents.sandbox.walls import Walls, walls_for
from ezaigents.settings import Settings

_TRIAL_S = 10.0
_TRIAL_BYTES = 64 * 1024 * 1024
_ADVICE = "install bubblewrap (its program is bwrap), and let users make namespaces"


def find_sandbox(settings: Settings, *, toolchains: Iterable[Path] = ()) -> tuple[Sandbox | None, str]:
    """The best sandbox that works, and what was wrong with better ones; None with the reason when none does.

    Runs a command in each until one works (some 60 ms), in an event loop of its own: from another one, call it by
    asyncio.to_thread. `toolchains`: folders that commands may read besides the system's.
    """
    if settings.commands == "off":
        return None, "commands are switched off; set commands = 'sandboxed' to allow them"
    walls = walls_for(settings, toolchains)
    sandbox, first = try_bubblewrap(walls)
    if sandbox is not None:
        return sandbox, ""
    sandbox, second = try_landlock(walls)
    if sandbox is not None:
        return sandbox, first
    return None, f"no sandbox works here: bubblewrap: {first}; landlock: {second}; {_ADVICE}"


def try_bubblewrap(walls: Walls) -> tuple[Sandbox | None, str]:
    """The sandbox, or None and why not."""
    path = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    if path is None:
        return None, "not installed"
    return _tried(Bubblewrap(path, walls))


def try_landlock(walls: Walls) -> tuple[Sandbox | None, str]:
    """The sandbox, or None and why not."""
    from ezaigents.sandbox import kernel  # with it comes ctypes, which most hosts never need

    if os.geteuid() == 0:
        return None, "not as root, whom only bubblewrap can make a user without rights"
    abi = kernel.landlock_abi()
    if abi < kernel.LEAST_ABI:
        return None, f"the kernel's version of it is {abi}, {kernel.LEAST_ABI} is needed (Linux 6.2)"
    if not kernel.has_seccomp():
        return None, f"no seccomp filter is written for {os.uname().machine}"
    return _tried(Landlock(walls))


def _tried(sandbox: Sandbox) -> tuple[Sandbox | None, str]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="ez-trial-") as folder:
        done = asyncio.run(sandbox.run(["true"], folder=Path(folder), timeout_s=_TRIAL_S, memory_bytes=_TRIAL_BYTES))
    if done.is_success:
        return sandbox, ""
    return None, done.output.decode("utf-8", "replace").strip() or f"a trial ended with {done.ended} {done.exit_code}"
