"""Crowds: however many connect, few are kept, and those who may come in are answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from tests.integration.api.site import Line, Site, open_site, strangers
from tests.leaks import run, until

from ezaigents.api import acceptor, wire
from ezaigents.settings import Settings

pytestmark = pytest.mark.alone

WITHIN_S = 10.0
"""What takes milliseconds is waited for so long, for machines are busy."""
CROWD = """
import socket, sys
crowd = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(200)]
print(len(crowd), flush=True)
sys.stdin.read()
"""


OWNERS = """
import socket, sys
port, request = int(sys.argv[1]), sys.argv[2].encode().decode("unicode_escape").encode()
crowd = []
for _ in range(200):
    crowd.append(socket.create_connection(("127.0.0.1", port)))
    crowd[-1].sendall(request)
print(sum(one.recv(12) == b"HTTP/1.1 200" for one in crowd), flush=True)
"""


@pytest.fixture(autouse=True)
def _there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is ended here is not ended for having taken too long."""
    monkeypatch.setattr(wire, "HEAD_S", 60.0)


@contextlib.asynccontextmanager
async def _some(site: Site, count: int, says: bytes = b"") -> AsyncIterator[Sequence[Line]]:
    """Connections that say this, or nothing, made one after the other."""
    lines: list[Line] = []
    try:
        for _ in range(count):
            lines.append(await asyncio.to_thread(site.connect))  # the site lets people in meanwhile
            if says:
                await lines[-1].send(says)
        yield lines
    finally:
        for line in lines:
            line.socket.close()


@pytest.mark.parametrize("says", [b"", b"GET / HT"], ids=["silent", "half a head"])
def test_of_too_many_strangers_the_oldest_go(settings: Settings, monkeypatch: pytest.MonkeyPatch, says: bytes) -> None:
    """More than 32 connections without a token are not kept: those that have been silent longest are ended."""
    monkeypatch.setattr(acceptor, "SILENT_MOST", wire.STRANGERS_MOST)
    monkeypatch.setattr(wire, "PATIENCE_S", 0.0)

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            async with _some(site, wire.STRANGERS_MOST + 5, says) as lines:
                for line in lines[:5]:
                    assert await line.is_over(WITHIN_S)
                assert all(line.is_open() for line in lines[5:])
                if not says:
                    await lines[-1].send(site.request())
                    assert (await lines[-1].answer()).status == 200
                assert strangers() <= wire.STRANGERS_MOST
            await until(lambda: strangers() == 0)

    run(story())


@pytest.mark.parametrize("count", [64, 200])
def test_a_program_that_opens_many_at_once_is_answered_on_each(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """All are open before any of them says who asks; none of those who may come in is sent away."""
    monkeypatch.setattr(wire, "PATIENCE_S", WITHIN_S)  # machines are busy

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            async with _some(site, count) as lines:
                for line in lines:
                    await line.send(site.request())
                answers = [await line.answer() for line in lines]
            assert [answer.status for answer in answers] == [200] * count

    run(story())


def test_a_stranger_who_speaks_is_not_the_one_silent_longest(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has just asked something goes after those who came later and asked before him."""
    monkeypatch.setattr(wire, "PATIENCE_S", 0.0)

    async def story() -> None:
        async with open_site(settings) as site:
            health = f"GET /api/health HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode()
            async with _some(site, wire.STRANGERS_MOST - 1, health) as lines:
                for line in lines:
                    assert (await line.answer()).status == 200
                await lines[0].send(health)
                assert (await lines[0].answer()).status == 200
                async with _some(site, 3, health):
                    assert await lines[1].is_over(WITHIN_S)
                    assert lines[0].is_open()

    run(story())


def test_those_who_may_come_in_are_answered_among_a_crowd(settings: Settings) -> None:
    """With 500 hostile connections, silent and dribbling, known connections live on and new ones are answered."""

    async def story() -> None:
        async with open_site(settings) as site:
            with site.connect() as known:
                await known.send(site.request())
                assert (await known.answer()).status == 200
                async with _some(site, 500) as lines:
                    for line in lines[::2]:
                        await line.send(b"GET / HT")
                    for _ in range(5):
                        assert await site.is_answered(WITHIN_S)
                    await known.send(site.request())
                    assert (await known.answer()).status == 200
                    ids = await site.yard.hand_in(3)
                    assert len(await site.yard.ended(ids)) == 3
                    await until(lambda: strangers() <= wire.STRANGERS_MOST)

    run(story())


def test_a_crowd_that_comes_at_once_pushes_nobody_out_who_has_asked(settings: Settings) -> None:
    """A request that lies in the socket is read before the connections behind it are all taken."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            crowd = [site.connect() for _ in range(100)]
            line = site.connect()
            line.socket.send(site.request())
            crowd += [site.connect() for _ in range(100)]
            try:
                assert (await line.answer()).status == 200
            finally:
                for one in (line, *crowd):
                    one.socket.close()

    run(story())


def test_a_crowd_that_comes_at_once_does_not_use_up_what_there_is_of_connections(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers who are more than all that may be do not take the place of somebody with a token behind them."""
    monkeypatch.setattr(wire, "CONNECTIONS_MOST", 2 * wire.STRANGERS_MOST)

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            crowd = [site.connect() for _ in range(150)]
            line = site.connect()
            line.socket.send(site.request())
            try:
                assert (await line.answer()).status == 200
            finally:
                for one in (line, *crowd):
                    one.socket.close()

    run(story())


def test_a_crowd_does_not_use_up_the_files_of_the_host(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """However many come at once, few of them hold a file of the host at any time: it has some left for its work."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            request = site.request()
            with socket.socket() as asking, _crowd(site.port) as crowd:
                asking.setblocking(False)
                assert crowd.stdout is not None
                assert crowd.stdin is not None
                assert int(crowd.stdout.readline()) == 200  # the loop stands still meanwhile: all of them wait
                with _files_left(100):
                    await asyncio.get_running_loop().sock_connect(asking, ("127.0.0.1", site.port))
                    line = Line(asking)
                    await line.send(request)
                    assert (await line.answer()).status == 200
                    ids = await site.yard.hand_in(2)
                    assert len(await site.yard.ended(ids)) == 2
                crowd.stdin.close()

    run(story())
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def _crowd(port: int) -> subprocess.Popen[bytes]:
    """Another process, which makes 200 connections, says so, and ends with its standard input."""
    command = [sys.executable, "-c", CROWD, str(port)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@contextlib.contextmanager
def _files_left(count: int) -> Iterator[None]:
    """While this lasts, the process can open so many files more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.dup(0)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one + count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_there_are_only_so_many_connections(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit a connection is ended as it comes, known ones stay, and where one goes another may come."""
    monkeypatch.setattr(wire, "CONNECTIONS_MOST", 5)

    async def story() -> None:
        async with open_site(settings) as site:
            known = [site.connect() for _ in range(5)]
            for line in known:
                await line.send(site.request())
                assert (await line.answer()).status == 200
            with site.connect() as more:
                await more.send(site.request())
                assert (await more.answer()).status == 0
            await known[0].send(site.request())
            assert (await known[0].answer()).status == 200
            known.pop().socket.close()

            async def answered() -> bool:
                return (await site.say(site.request())).status == 200

            await until(answered, WITHIN_S)
            for line in known:
                line.socket.close()

    run(story())


def test_many_with_a_token_who_come_at_once_are_all_answered(settings: Settings) -> None:
    """Whoever may come in is not taken for one of too many strangers because others came at the same moment."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await site.is_answered(WITHIN_S)
            request = site.request().decode("latin-1").encode("unicode_escape").decode()
            command = [sys.executable, "-c", OWNERS, str(site.port), request]
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            answered, _ = await asyncio.wait_for(process.communicate(), 60)
            assert int(answered) == 200

    run(story())


THOUSANDS = """
import errno, socket, sys
port, many, crowd, made = int(sys.argv[1]), int(sys.argv[2]), [], 0
while made < many:
    one = socket.socket()
    one.settimeout(30)
    try:
        one.connect(("127.0.0.1", port))
        made += 1
        if made % 3 == 0:
            one.send(b"GET / HT")
        elif made % 3 == 1:
            one.send(b"GET /api/health HTTP/1.1\\\\r\\\\nHost: 127.0.0.1:%d\\\\r\\\\n\\\\r\\\\n" % port)
    except OSError as error:
        if error.errno not in (errno.ECONNRESET, errno.EPIPE):
            raise
    crowd.append(one)
    if len(crowd) > 5000:
        crowd.pop(0).close()
print(made, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("many", [1000, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_thousands_of_connections_change_nothing_for_the_fleet(settings: Settings, many: int) -> None:
    """While so many connections are made, silent, with half a head and with whole requests, tasks go on, few of the
    connections are kept, and who is in with a token is answered; then whoever comes with one is.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.get("/api/me")).status_code == 200
            command = [sys.executable, "-c", THOUSANDS, str(site.port), str(many)]
            crowd = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                assert crowd.stdout is not None
                made = asyncio.create_task(asyncio.to_thread(crowd.stdout.readline))
                rounds = 0
                while not made.done() or rounds < 2:
                    ids = await site.yard.hand_in(5)
                    assert len(await site.yard.ended(ids)) == 5
                    assert (await site.get("/api/me")).status_code == 200
                    assert strangers() <= wire.CROWD_MOST
                    rounds += 1
                assert int(await made) == many
                assert await site.is_answered(WITHIN_S)
                assert len(os.listdir("/proc/self/fd") if sys.platform == "linux" else []) < 500  # noqa: PTH208
            finally:
                crowd.kill()
                crowd.communicate()

    run(story(), limit_s=120)
