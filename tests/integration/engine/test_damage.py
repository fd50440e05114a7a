"""A torn or damaged log, a disk that is full or read-only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.integration.engine.conftest import HostProcess, call, kill_engine

from ezaigents.engine import begin
from ezaigents.engine.blocking import BlockingConnection
from ezaigents.errors import ConfigError
from ezaigents.settings import Settings

_SCRIPT = "for i = 1, 3 do redis.call('RPUSH', KEYS[i], ARGV[1]) end"
_KEYS = ("{ez:x}:a", "{ez:x}:b", "{ez:x}:c")
_WRITES = 20


def _write_log(settings: Settings) -> Path:
    """Run whole scripts, kill -9 the engine; its log."""
    handle = begin(settings).ready()
    with BlockingConnection(handle.address) as connection:
        for number in range(_WRITES):
            connection.call("EVAL", _SCRIPT, 3, *_KEYS, f"value-{number}-{'x' * 20}")
    kill_engine(settings)
    (log,) = (settings.home_path / "appendonlydir").glob("*.incr.aof")
    return log


def _copy_of(settings: Settings, log: Path, name: str) -> tuple[Settings, Path]:
    home = settings.home_path.with_name(name)
    shutil.copytree(settings.home_path, home, ignore=shutil.ignore_patterns("*.sock"))
    return msgspec.structs.replace(settings, home=str(home)), home / "appendonlydir" / log.name


def test_a_torn_tail_loads_whole_scripts_only(settings: Settings) -> None:
    """However the log's end was torn, what loads is a number of whole scripts, never a part of one."""
    log = _write_log(settings)
    for cut in (1, 2, 3, 17, 60, 61, 100, 139, 180, 200):
        torn, path = _copy_of(settings, log, f"torn{cut}")
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - cut)
        handle = begin(torn).ready()
        lengths = {call(handle, "LLEN", key) for key in _KEYS}
        handle.leave()
        assert len(lengths) == 1, f"cut by {cut}: {lengths}"
        assert _WRITES - 3 <= lengths.pop() < _WRITES


@pytest.mark.parametrize("mark", [b"*", b"$"])
def test_damage_in_the_middle_is_left_alone(settings: Settings, mark: bytes) -> None:
    """A damaged log stops the start with a clear error, and not a byte of it is changed."""
    log = _write_log(settings)
    content = bytearray(log.read_bytes())
    content[content.index(b"\r\n" + mark, len(content) // 2) + 2] ^= 0xFF
    log.write_bytes(content)
    with pytest.raises(ConfigError, match=r"damaged.*left as it is.*aof"):
        begin(settings).ready()
    assert log.read_bytes() == content


_FACE = """
import sys, os, json
sys.path[:0] = json.loads(sys.argv[2])
import subprocess
subprocess.run(["mount", "-t", "tmpfs", "-o", sys.argv[3], "none", sys.argv[1]], check=True)
exec(sys.argv[4])
"""
_ROOM = "size=96k,mode=700"


def _may_mount() -> bool:
    unshare = shutil.which("unshare")
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return unshare is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


def _in_mount(home: Path, options: str, code: str) -> dict[str, str]:
    """Run `code` where a file system of its own is mounted on `home`; it prints one JSON line."""
    if not _may_mount():
        pytest.skip("needs the right to mount in a namespace of its own")
    home.mkdir()
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", _FACE, str(home), json.dumps(sys.path), options, code],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said: dict[str, str] = json.loads(done.stdout)
    return said


_BEGIN = """
from ezaigents.engine import begin, HostLock
from ezaigents.errors import EzError
from ezaigents.settings import Settings
home = sys.argv[1]
settings = Settings(home=home, workspace="/")
def attempt():
    lock = HostLock(settings)
    try:
        lock.acquire()
        begin(settings).ready().leave()
        return {}
    except EzError as error:
        return {"error": type(error).__name__, "text": str(error)}
    finally:
        lock.release()
"""


def test_read_only_folder(tmp_path: Path) -> None:
    """A data folder on a read-only mount is named, with what to do."""
    said = _in_mount(tmp_path / "home", "ro,mode=700", _BEGIN + "print(json.dumps(attempt()))")
    assert said["error"] == "ConfigError"
    assert str(tmp_path / "home") in said["text"]
    assert "Read-only" in said["text"]
    assert "EZ_HOME" in said["text"]


@pytest.mark.parametrize("left_bytes", [0, 4096, 8192, 12288, 16384])
def test_full_disk(tmp_path: Path, left_bytes: int) -> None:
    """However little room the disk has, the start fails with an error that says it is full, or works."""
    code = (
        _BEGIN
        + f"""
with open(home + "/ballast", "wb", buffering=0) as file:
    try:
        while True: file.write(bytes(4096))
    except OSError: pass
    file.truncate(max(0, file.tell() - {left_bytes}))
first = attempt()
os.remove(home + "/ballast")
then = attempt().get("text", "fine")
print(json.dumps({{"first": first.get("text", "fine"), "kind": first.get("error", ""), "then": then}}))
"""
    )
    said = _in_mount(tmp_path / "home", _ROOM, code)
    assert said["then"] == "fine"
    if said["first"] != "fine":
        assert said["kind"] in ("ConfigError", "EngineFull"), said["first"]
        assert "full" in said["first"] or "No space left" in said["first"]


def test_a_disk_that_fills_up_is_waited_for(tmp_path: Path) -> None:
    """An engine that died of a full disk comes back, with what it acknowledged, once there is room again."""
    code = """
import asyncio
from ezaigents.engine import begin, Supervisor, BlockingConnection
from ezaigents.errors import EzError
from ezaigents.settings import Settings
home = sys.argv[1]
settings = Settings(home=home, workspace="/")
async def story():
    handle = begin(settings).ready()
    back = asyncio.Event()
    watching = asyncio.ensure_future(Supervisor(settings, handle, back.set).run())
    await asyncio.sleep(0)
    with open(home + "/ballast", "wb", buffering=0) as file:
        file.write(bytes(32768))
    kept = 0
    try:
        with BlockingConnection(handle.address) as connection:
            while True:
                connection.call("RPUSH", "{ez:x}:a", "x" * 500)
                kept += 1
    except EzError:
        pass
    os.remove(home + "/ballast")
    async with asyncio.timeout(30):
        await back.wait()
    with BlockingConnection(handle.address) as connection:
        found = connection.call("LLEN", "{ez:x}:a")
    watching.cancel()
    handle.leave()
    print(json.dumps({"kept": kept, "found": found}))
asyncio.run(story())
"""
    said = _in_mount(tmp_path / "home", _ROOM, code)
    assert int(said["kept"]) > 0
    assert int(said["found"]) >= int(said["kept"])


def test_an_unreadable_folder(settings: Settings, start_host: Callable[..., HostProcess]) -> None:
    """A user who may not write the data folder's parent is told which folder, without a traceback."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv")
    try_import = [*nobody, sys.executable, "-c", "import ezaigents, msgspec"]
    probe = subprocess.run(try_import, check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("another user cannot read this environment")
    answer = start_host(msgspec.structs.replace(settings, home="/etc/ez-data"), before=nobody).answer()
    assert answer["error"] == "ConfigError"
    assert "/etc/ez-data" in answer["text"]
