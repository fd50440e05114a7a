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
_VISITED_HOST = """
import asyncio, sys
import ezaigents.cli.host, ezaigents.cli.log, ezaigents.wiring
from ezaigents.access import Access
from ezaigents.api import bind_listener
from ezaigents.dashboard import load_site
from ezaigents.settings import load_settings

async def answer(port, token, path):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}", "Connection: close")
    writer.write("\\r\\n".join((*head, "", "")).encode())
    status = (await reader.readline()).split()[1]
    assert status == b"200", (path, status)
    if path != "/api/events":
        await reader.read()
    writer.close()

async def main():
    settings = load_settings({"home": sys.argv[1], "workspace": sys.argv[1], "port": 0})
    async with ezaigents.wiring.Fleet(settings):
        listener = bind_listener(settings, load_site)
        listener.open()
        token = Access(settings.home_path).own_token()
        for path in ("/", "/tasks", "/new", "/problems", "/api/tasks", "/api/events"):
            await answer(listener.port, token, path)
        print(*sys.modules)
        await listener.close()

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


def test_a_visit_never_loads_heavy_modules(tmp_path: Path, ceilings: dict[str, dict[str, Any]]) -> None:
    """Who looks at the pages loads a server and nothing that serves others: no command line, no process manager."""
    loaded = _modules(_VISITED_HOST, str(tmp_path)) - _modules(_BARE)
    assert {"uvicorn.server", "starlette.routing", "jinja2"} <= loaded
    assert not loaded & set(ceilings["imports"]["visit_never"])


@pytest.mark.parametrize(
    ("asks", "loads"),
    [
        ("import uvicorn; assert callable(uvicorn.run); assert uvicorn.__version__", "uvicorn.main"),
        ("import http.client; assert http.client.responses[404] == 'Not Found'", "email.parser"),
        ("import json; assert json.loads('[1]') == [1]", "json.decoder"),
        ("from html import unescape; assert unescape('&amp;') == '&'", "html.entities"),
        ("import shutil; assert callable(shutil.rmtree)", "lzma"),
        ("import logging.config; assert callable(logging.config.dictConfig)", "logging.handlers"),
    ],
    ids=["uvicorn", "http.client", "json", "html", "shutil", "logging.config"],
)
def test_what_waits_is_there_for_who_asks(asks: str, loads: str) -> None:
    """A module that waits is whole as soon as somebody asks it for something, also for many who ask at once."""
    program = "from ezaigents.api.lean import load_uvicorn; load_uvicorn(); import sys, uvicorn.config; "
    waiting = _modules(f"{program} assert uvicorn.Config is uvicorn.config.Config; print(*sys.modules)")
    assert loads not in waiting
    crowd = f"""
{program}
import concurrent.futures
sys.setswitchinterval(1e-6)
def ask(_):
    exec({asks!r}, {{}})
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(ask, range(8)))
print(*sys.modules)
"""
    assert loads in _modules(crowd)


def test_help_never_loads_heavy_modules(ceilings: dict[str, dict[str, Any]]) -> None:
    """`ez --help` answers at once because it loads nothing of the fleet."""
    loaded = _modules(_HELP) - _modules(_BARE)
    assert "ezaigents.cli" in loaded
    assert not loaded & set(ceilings["imports"]["help_never"])
