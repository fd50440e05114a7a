"""What is loaded: the host holds no third-party module but those on its list, and the help next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_READY_HOST = """
import asyncio, sys
import ezaigents.cli.host, ezaigents.cli.log, ezaigents.wiring
from ezaigents.settings import load_settings

async def main():
    async with ezaigents.wiring.Fleet(load_settings({"home": sys.argv[1], "workspace": sys.argv[1]})):
        print(*sys.modules)

asyncio.run(main())
"""
_BARE = "import sys; print(*sys.modules)"
_HELP = "import sys; from ezaigents.cli import main; main(['--help']); print(*sys.modules)"


def _modules(program: str, *arguments: str) -> set[str]:
    command = [sys.executable, "-P", "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture(scope="module")
def host_modules(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What a host that is ready has loaded, without what this interpreter loads for any program."""
    home: Path = tmp_path_factory.mktemp("home")
    return _modules(_READY_HOST, str(home)) - _modules(_BARE)


def test_ready_host_holds_only_listed_packages(host_modules: set[str], ceilings: dict[str, dict[str, Any]]) -> None:
    """A new third-party module in the host is a decision: it must be put on the list."""
    packages = {name.partition(".")[0] for name in host_modules} - set(sys.stdlib_module_names) - {"__main__"}
    assert {"ezaigents", "msgspec"} <= packages
    assert packages - {"ezaigents"} <= set(ceilings["imports"]["host_third_party"])


def test_ready_host_never_loads_heavy_modules(host_modules: set[str], ceilings: dict[str, dict[str, Any]]) -> None:
    """What only some commands or tasks need is not in the host's memory from the start."""
    assert "ezaigents.wiring" in host_modules
    assert not host_modules & set(ceilings["imports"]["host_never"])


def test_help_never_loads_heavy_modules(ceilings: dict[str, dict[str, Any]]) -> None:
    """`ez --help` answers at once because it loads nothing of the fleet."""
    loaded = _modules(_HELP) - _modules(_BARE)
    assert "ezaigents.cli" in loaded
    assert not loaded & set(ceilings["imports"]["help_never"])
