"""An engine of the user's own: good ones, unfit ones, and what is no engine at all."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.engine.waiting import wait_until

from ezaigents.engine import EngineRefusal, begin, find_living
from ezaigents.engine.address import parse_url
from ezaigents.engine.blocking import BlockingConnection
from ezaigents.engine.external import ExternalStarting
from ezaigents.errors import ConfigError, EngineDown, EngineUnfit, EzError
from ezaigents.settings import Settings

needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server on PATH")

_USER = ("u", "on", ">geheim", "~*", "&*", "+@all")


def _settings(url: str, tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"), workspace=str(tmp_path), redis_url=url)


def _answers(url: str) -> bool:
    try:
        BlockingConnection(parse_url(url)).close()
    except EngineRefusal:
        return True
    except EngineDown:
        return False
    return True


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start Redis servers on unix sockets; the call returns the URL."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> str:
        path = tmp_path / f"r{len(started)}.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--dir", str(tmp_path), "--save", ""]
        started.append(subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL))
        url = f"unix://{path}"
        wait_until(lambda: _answers(url))
        return url

    yield start
    for process in started:
        process.kill()
        process.wait()


@contextlib.contextmanager
def stub(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A server that answers each packet with `answer(packet)`; its host:port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                with peer:
                    while data := peer.recv(4096):
                        peer.sendall(answer(data))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def _bulk(text: str) -> bytes:
    return f"${len(text)}\r\n{text}\r\n".encode()


def _engine_of(version: str) -> Callable[[bytes], bytes]:
    def answer(packet: bytes) -> bytes:
        if b"INFO" in packet:
            return _bulk(f"# Server\r\nredis_version:{version}\r\n")
        return b"*0\r\n" if b"CONFIG" in packet else b"+OK\r\n"

    return answer


@needs_redis
@pytest.mark.parametrize(
    ("options", "word"),
    [
        ((), "none"),
        (("--appendonly", "yes", "--appendfsync", "always"), "always"),
        (("--appendonly", "yes", "--appendfsync", "everysec"), "everysec"),
        (("--appendonly", "yes", "--appendfsync", "no"), "none"),
    ],
)
def test_durability_in_force(redis: Callable[..., str], tmp_path: Path, options: tuple[str, ...], word: str) -> None:
    """An external engine's durability is what its configuration says, and leaving does not stop it."""
    url = redis(*options)
    handle = begin(_settings(url, tmp_path)).ready()
    assert (handle.kind, handle.durability) == ("external", word)
    assert handle.version.startswith("redis ")
    handle.leave()
    assert _answers(url)
    assert not (tmp_path / "home").exists()


@needs_redis
def test_config_refused_is_unknown(redis: Callable[..., str], tmp_path: Path) -> None:
    """Where CONFIG is refused, durability is unknown, never assumed."""
    url = redis("--appendonly", "yes", "--user", *_USER, "-config")
    handle = find_living(_settings(url.replace("unix://", "unix://u:geheim@"), tmp_path))
    assert handle is not None
    assert handle.durability == "unknown"


@needs_redis
def test_info_refused(redis: Callable[..., str], tmp_path: Path) -> None:
    """An engine that hides its version is refused, with the right to grant."""
    url = redis("--user", *_USER, "-info")
    with pytest.raises(EngineUnfit, match=r"\+info"):
        begin(_settings(url.replace("unix://", "unix://u:geheim@"), tmp_path)).ready()


@needs_redis
def test_an_engine_that_evicts(redis: Callable[..., str], tmp_path: Path) -> None:
    """An engine that may evict tasks is refused, with the line to type."""
    url = redis("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
    with pytest.raises(EngineUnfit, match="CONFIG SET maxmemory-policy noeviction"):
        begin(_settings(url, tmp_path)).ready()


@needs_redis
def test_unlimited_memory_never_evicts(redis: Callable[..., str], tmp_path: Path) -> None:
    """Without a limit no policy ever evicts, so it is accepted."""
    begin(_settings(redis("--maxmemory", "0", "--maxmemory-policy", "allkeys-lru"), tmp_path)).ready()


@needs_redis
def test_a_replica_is_refused(redis: Callable[..., str], tmp_path: Path) -> None:
    """A replica, which takes no writes, is refused at the start and not at the first task."""
    with pytest.raises(EngineUnfit, match="replica"):
        begin(_settings(redis("--replicaof", "127.0.0.1 1"), tmp_path)).ready()


@needs_redis
def test_a_cluster_is_refused(redis: Callable[..., str], tmp_path: Path) -> None:
    """A cluster is refused as not supported yet."""
    with pytest.raises(ConfigError, match="not supported yet"):
        begin(_settings(redis("--cluster-enabled", "yes", "--port", "0"), tmp_path)).ready()


@needs_redis
@pytest.mark.parametrize("login", ["u:wrong-pw", ":wrong-pw"])
def test_a_wrong_password(redis: Callable[..., str], tmp_path: Path, login: str) -> None:
    """A wrong password is said to be wrong, and not shown."""
    url = redis("--user", *_USER, "--requirepass", "other")
    url = url.replace("unix://", f"unix://{login}@")
    with pytest.raises(ConfigError, match="refuses the login") as caught:
        begin(_settings(url, tmp_path)).ready()
    assert "wrong-pw" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@needs_redis
def test_a_missing_password(redis: Callable[..., str], tmp_path: Path) -> None:
    """A server that wants a password says so."""
    with pytest.raises(ConfigError, match="NOAUTH"):
        begin(_settings(redis("--requirepass", "other"), tmp_path)).ready()


@pytest.mark.parametrize("version", ["6.2.14", "5.0.1", "", "what"])
def test_an_engine_too_old(tmp_path: Path, version: str) -> None:
    """An engine older than Redis 7.0 is refused with its version."""
    with stub(_engine_of(version)) as place, pytest.raises(EngineUnfit, match=r"Redis 7\.0") as caught:
        begin(_settings(f"redis://u:geheim@{place}", tmp_path)).ready()
    assert version in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_an_engine_too_old_for_hello(tmp_path: Path) -> None:
    """An engine that does not even know HELLO is refused as too old."""
    with stub(lambda _: b"-ERR unknown command 'HELLO'\r\n") as place, pytest.raises(EngineUnfit, match="too old"):
        begin(_settings(f"redis://{place}", tmp_path)).ready()


def test_a_web_server(tmp_path: Path) -> None:
    """What speaks another protocol is said to be no engine."""
    page = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    with stub(lambda _: page) as place, pytest.raises(ConfigError, match="neither Redis nor Valkey") as caught:
        begin(_settings(f"redis://u:geheim@{place}", tmp_path)).ready()
    assert place in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    """Silence ends with a deadline and an error that names the address."""
    with stub(lambda _: b"") as place, pytest.raises(EngineDown, match=place):
        ExternalStarting(_settings(f"redis://{place}", tmp_path), timeout_s=0.2).ready()


@pytest.mark.parametrize(
    "url", ["redis://u:geheim@127.0.0.1:1", "unix://u:geheim@/nowhere/x.sock", "redis://u:geheim@no-such-host.invalid"]
)
def test_nobody_there(tmp_path: Path, url: str) -> None:
    """An address where nobody answers is named, with what to check."""
    with pytest.raises(EngineDown, match="EZ_REDIS_URL") as caught:
        begin(_settings(url, tmp_path)).ready()
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://u:geheim@h", "sentinel://u:geheim@h", "redis+cluster://h", "http://u:geheim@h",
        "redis://u:geheim@h:port", "redis://h:99999", "redis://h/zero", "redis://", "unix://", "nonsense", "redis://u:geheim@a..b",
    ],
)  # fmt: skip
def test_not_a_url_of_ours(tmp_path: Path, url: str) -> None:
    """A URL that cannot be meant is refused before anything is sent, without its password."""
    with pytest.raises(EzError, match="EZ_REDIS_URL") as caught:
        begin(_settings(url, tmp_path)).ready()
    assert isinstance(caught.value, ConfigError | EngineDown)
    assert "geheim" not in str(caught.value)
