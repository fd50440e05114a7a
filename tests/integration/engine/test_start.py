"""Starting the embedded engine, and what it lets its user do."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.integration.engine.conftest import HostProcess, call, kill_engine

from ezaigents.engine import BlockingConnection, Connection, EngineHandle, EngineRefusal, begin, find_living
from ezaigents.engine.address import Address
from ezaigents.engine.layout import SOCKET
from ezaigents.engine.locks import is_held
from ezaigents.engine.process import engine_pid
from ezaigents.errors import ConfigError
from ezaigents.settings import Settings


def test_ready_means_it_answers(engine: EngineHandle, settings: Settings) -> None:
    """A ready handle names an engine that answers, its pid, and durability `always`."""
    assert call(engine, "PING") == b"PONG"
    assert engine.kind == "embedded"
    assert engine.durability == "always"
    assert engine.pid == engine_pid(settings.home_path)
    assert not engine.adopted


def test_everysec_is_reported(settings: Settings) -> None:
    """The durability reported is the one in force."""
    handle = begin(msgspec.structs.replace(settings, engine_fsync="everysec")).ready()
    assert handle.durability == "everysec"
    handle.leave()


def test_only_we_can_look(engine: EngineHandle, settings: Settings) -> None:
    """Nobody else can enter the data folder, read the configuration or open the socket."""
    home = settings.home_path
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in ("engine.conf", "engine.password", "engine.log", "engine.lock"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE((home / SOCKET).stat().st_mode) == 0o700
    assert engine.address.password not in (home / "engine.conf").read_text()


def test_its_session_is_its_own(engine: EngineHandle) -> None:
    """Ctrl-C at the host's terminal does not reach the engine."""
    assert engine.pid is not None
    assert os.getsid(engine.pid) == engine.pid


def test_no_login_no_answer(engine: EngineHandle) -> None:
    """Without the password the engine answers nothing."""
    with pytest.raises(EngineRefusal, match="NOAUTH"):
        BlockingConnection(Address(path=engine.address.path))


@pytest.mark.parametrize(
    "command",
    [
        ("SET", "other", "1"),
        ("CONFIG", "SET", "appendfsync", "no"),
        ("FLUSHALL",),
        ("DEBUG", "SLEEP", "0"),
        ("ACL", "LIST"),
        ("EVAL", "return redis.call('SET', 'other', '1')", "0"),
    ],
    ids=" ".join,
)
def test_what_the_user_may_not(engine: EngineHandle, command: tuple[str, ...]) -> None:
    """The engine's user can reach neither foreign keys nor the engine's configuration."""
    with pytest.raises(EngineRefusal):
        call(engine, *command)


@pytest.mark.parametrize(
    "command",
    [
        ("HSET", "{ez:x}:t:1", "state", "ready"),
        ("EVAL", "#!lua flags=allow-oom\nreturn redis.call('TIME')", "1", "{ez:x}:n"),
        ("SCRIPT", "LOAD", "return 1"),
        ("PUBLISH", "{ez:x}:wake:local", "local"),
        ("XADD", "{ez:x}:events", "*", "s", "ready"),
        ("SCAN", "0", "MATCH", "{ez:*"),
        ("INFO",),
        ("TIME",),
        ("MEMORY", "USAGE", "{ez:x}:n"),
        ("CLIENT", "SETNAME", "a"),
    ],
    ids=" ".join,
)
def test_what_the_user_may(engine: EngineHandle, command: tuple[str, ...]) -> None:
    """Everything the queue and the team need is allowed."""
    call(engine, *command)


def test_patterns_can_be_listened_to(engine: EngineHandle) -> None:
    """A host may listen to every wake-up channel of its namespace with one pattern."""

    async def story() -> None:
        heard: asyncio.Queue[object] = asyncio.Queue()
        async with Connection(engine.address, on_heard=lambda *said: heard.put_nowait(said)) as connection:
            await connection.listen(pattern="{ez:x}:wake:*")
            await connection.call("PUBLISH", "{ez:x}:wake:local", "local")
            async with asyncio.timeout(10):
                assert "local" in str(await heard.get())

    asyncio.run(story())


def test_the_data_survives_leaving(settings: Settings) -> None:
    """What was acknowledged is there after the last host left and another one started."""
    first = begin(settings).ready()
    call(first, "SET", "{ez:x}:a", "kept")
    first.leave()
    assert not is_held(settings.home_path / "engine.lock")
    second = begin(settings).ready()
    assert call(second, "GET", "{ez:x}:a") == b"kept"
    second.leave()


def test_leaving_leaves_no_process(settings: Settings) -> None:
    """The last to leave stops the engine and reaps it."""
    handle = begin(settings).ready()
    handle.leave()
    assert handle.pid is not None
    assert not Path(f"/proc/{handle.pid}").exists()
    assert find_living(settings) is None


def test_nothing_lives_in_a_missing_folder(settings: Settings) -> None:
    """Looking for a living engine makes no data folder."""
    assert find_living(settings) is None
    assert not settings.home_path.exists()


@pytest.mark.parametrize("length", [104, 108, 255, 1000])
def test_a_long_path(settings: Settings, tmp_path: Path, length: int) -> None:
    """A data folder works whatever the length of its path; the kernel's limit is ours to get round."""
    home = tmp_path
    while len(str(home)) < length:
        home /= "long" * min(20, max(1, (length - len(str(home))) // 4))
    long = msgspec.structs.replace(settings, home=str(home))
    handle = begin(long).ready()
    try:
        assert call(handle, "PING") == b"PONG"
        visited = find_living(long)
        assert visited is not None
        assert visited.pid == handle.pid
    finally:
        handle.leave()


@pytest.mark.parametrize("name", ["with space", 'quo"te', "hash # mark", "back\\slash", "żółw", "new\nline"])
def test_any_folder_name(settings: Settings, tmp_path: Path, name: str) -> None:
    """The folder's name may hold whatever a file system takes."""
    odd = msgspec.structs.replace(settings, home=str(tmp_path / name))
    handle = begin(odd).ready()
    handle.leave()
    assert (tmp_path / name / "appendonlydir").is_dir()


def test_a_changed_password_is_explained(engine: EngineHandle, settings: Settings) -> None:
    """A living engine that refuses our password is named, with what to do, not retried for ever."""
    path = settings.home_path / "engine.password"
    right = path.read_text()
    path.write_text("wrong\n")
    try:
        with pytest.raises(ConfigError, match=rf"pid {engine.pid}.*engine.password"):
            begin(settings).ready()
    finally:
        path.write_text(right)


def test_the_log_is_bounded(settings: Settings) -> None:
    """A log that grew large is set aside when the engine starts."""
    settings.home_path.mkdir(mode=0o700)
    log = settings.home_path / "engine.log"
    log.write_bytes(b"x" * 300_000)
    begin(settings).ready().leave()
    assert log.stat().st_size < 10_000


def test_no_program(settings: Settings, start_host: Callable[..., HostProcess]) -> None:
    """Without any engine program the message says what to install."""
    host = start_host(settings, env={"EZ_TEST_NO_WHEEL": "1", "PATH": "/nowhere"})
    answer = host.answer()
    assert answer["error"] == "EngineMissing"
    assert "install" in answer["text"]
    assert "EZ_REDIS_URL" in answer["text"]


@pytest.mark.skipif(not Path("/usr/bin/redis-server").exists(), reason="needs /usr/bin/redis-server")
def test_a_program_on_path(settings: Settings, start_host: Callable[..., HostProcess]) -> None:
    """Where the wheel has no program, redis-server on PATH serves, with the same configuration."""
    host = start_host(settings, env={"EZ_TEST_NO_WHEEL": "1", "PATH": "/nowhere:/usr/bin"})
    answer = host.answer()
    assert answer.get("version", "").startswith("redis 7."), answer
    host.ask_to_leave()
    assert host.answer() == {"left": True}


def test_a_program_that_refuses_our_configuration(
    settings: Settings, tmp_path: Path, start_host: Callable[..., HostProcess]
) -> None:
    """A program too old for our configuration is named, with its own words."""
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\necho '*** FATAL CONFIG FILE ERROR ***'\necho 'Bad directive'\nexit 1\n")
    program.chmod(0o755)
    host = start_host(settings, env={"EZ_TEST_NO_WHEEL": "1", "PATH": str(tmp_path)})
    answer = host.answer()
    assert answer["error"] == "EngineUnfit"
    assert str(program) in answer["text"]
    assert "Bad directive" in answer["text"]


def test_a_program_that_ends_at_once(
    settings: Settings, tmp_path: Path, start_host: Callable[..., HostProcess]
) -> None:
    """A program that just ends is not started for ever."""
    program = tmp_path / "valkey-server"
    program.write_text(f"#!/bin/sh\necho started >> '{tmp_path}/starts'\nexit 0\n")
    program.chmod(0o755)
    answer = start_host(settings, env={"EZ_TEST_NO_WHEEL": "1", "PATH": str(tmp_path)}).answer()
    assert answer["error"] == "EngineDown"
    assert len((tmp_path / "starts").read_text().splitlines()) <= 3


def test_foreign_folder(settings: Settings) -> None:
    """A data folder of another user is refused by name."""
    if os.geteuid() != 0:
        pytest.skip("needs root to make a folder of another user")
    settings.home_path.mkdir(mode=0o700)
    os.chown(settings.home_path, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user"):
        begin(settings)


def test_a_frozen_engine_is_not_waited_for_for_ever(settings: Settings) -> None:
    """An engine that is stopped in its tracks is still ended by the last host to leave."""
    handle = begin(settings).ready()
    assert handle.pid is not None
    os.kill(handle.pid, signal.SIGSTOP)
    began = time.monotonic()
    handle.leave()
    assert time.monotonic() - began < 20
    assert kill_engine(settings) is None
