"""What is loaded for what: a light help, a light host."""

from __future__ import annotations

import subprocess
import sys

import pytest


def _loaded_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nsys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, check=True, timeout=60)
    return set(done.stderr.decode().split())


def _rooms(loaded: set[str]) -> set[str]:
    """All but the few lines that load the rest on first use."""
    return {name for name in loaded if name.startswith("ezaigents.")} - {"ezaigents.lazy"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["up", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Help comes at once, because neither event loop, drawing, engine nor client is loaded for it."""
    loaded = _loaded_after(f"from ezaigents.cli import main\nassert main({arguments!r}) == 0")
    heavy = {"asyncio", "rich", "hiredis", "msgspec", "subprocess", "lizard", "pathspec", "ssl", "socket", "tempfile"}
    assert not loaded & heavy
    assert not {name for name in _rooms(loaded) if "cli" not in name}


def test_host_never_holds_the_parser() -> None:
    """What only the command line needs stays out of the memory of the host."""
    loaded = _loaded_after("import ezaigents.cli.host, ezaigents.wiring, ezaigents.cli.log")
    assert not loaded & {"click", "rich", "lizard", "pathspec", "importlib.metadata", "email", "tempfile"}


def test_importing_the_package_loads_no_room() -> None:
    """`import ezaigents` is free; each name of the public API is loaded when it is used."""
    loaded = _loaded_after("import ezaigents")
    assert not _rooms(loaded)
    assert "ezaigents.wiring" in _loaded_after("import ezaigents; ezaigents.Fleet")
