"""The listener: where it listens, where it may not, and what happens when somebody knocks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest
from tests.integration.api.site import are_guarded, open_site
from tests.integration.runtime.fleets import agent, at_once, working
from tests.leaks import run, until

from ezaigents.api import bind_listener, lazy_listener
from ezaigents.errors import ConfigError
from ezaigents.settings import Settings


@contextlib.contextmanager
def _taken() -> Iterator[int]:
    """A port of the loopback address that somebody else listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def _bound(settings: Settings) -> int:
    """Where a listener listens that is closed again at once."""
    made = bind_listener(settings)
    await made.close()
    return made.port


def test_the_usual_port_may_be_another_ones(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the usual port is taken, one of the next is listened on."""
    with _taken() as port:
        monkeypatch.setattr(lazy_listener, "DEFAULT_PORT", port)
        assert port < run(_bound(msgspec.structs.replace(settings, port=port))) < port + 20


def test_the_usual_port_is_taken_where_it_is_free(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another fleet, it is the port that is written everywhere."""
    with _taken() as port:
        pass
    monkeypatch.setattr(lazy_listener, "DEFAULT_PORT", port)
    assert run(_bound(msgspec.structs.replace(settings, port=port))) == port


def test_a_port_that_was_chosen_is_taken_or_refused(settings: Settings) -> None:
    """Whoever names a port is not given another one: the error says which is in the way, and what to type."""
    with _taken() as port, pytest.raises(ConfigError, match=rf"port {port} .*--port.*--no-dashboard"):
        bind_listener(msgspec.structs.replace(settings, port=port))


def test_an_address_of_another_machine_is_refused(settings: Settings) -> None:
    """An address that is not here cannot be listened on, and the error says so."""
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1 cannot be used"):
        bind_listener(msgspec.structs.replace(settings, bind="192.0.2.1", behind_proxy="https://fleet.example", port=0))


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "fd00::1", "0.0.0.1", "::ffff:10.0.0.1"])
def test_nobody_else_is_let_near_without_tls(settings: Settings, bind: str) -> None:
    """An address that others can reach is refused without TLS or a proxy that has it; the words say what to set."""
    with pytest.raises(ConfigError) as refused:
        bind_listener(msgspec.structs.replace(settings, bind=bind, port=0))
    for word in (bind, "TLS", "tls_cert", "tls_key", "behind_proxy"):
        assert word in str(refused.value)


@pytest.mark.parametrize(
    "bind", ["localhost", "fleet.example", "", "127.0.0.1:3000", "127.1", "*", "[::1]", "127.0.0.1\0"]
)
def test_an_address_is_an_address(settings: Settings, bind: str) -> None:
    """Names are not looked up: what they lead to may change."""
    with pytest.raises(ConfigError, match="bind"):
        bind_listener(msgspec.structs.replace(settings, bind=bind, port=0))


@pytest.mark.parametrize("changed", [{"tls_cert": "c"}, {"tls_key": "k"}])
def test_half_of_tls_is_none(settings: Settings, changed: dict[str, str]) -> None:
    """A certificate without its key, or the reverse, is refused, wherever it would listen."""
    for bind in ("127.0.0.1", "0.0.0.0"):
        with pytest.raises(ConfigError, match="tls_cert and tls_key"):
            bind_listener(msgspec.structs.replace(settings, bind=bind, port=0, **changed))


def test_with_a_proxy_every_address_may_be_listened_on(settings: Settings) -> None:
    """Where a proxy has the TLS, it may reach us from elsewhere; a loopback address of either kind needs nothing."""
    proxied = msgspec.structs.replace(settings, bind="0.0.0.0", port=0, behind_proxy="https://fleet.example")
    assert run(_bound(proxied)) > 0
    assert run(_bound(msgspec.structs.replace(settings, bind="127.0.0.2", port=0))) > 0
    if (
        Path("/proc/net/if_inet6").exists()
        and "00000000000000000000000000000001" in Path("/proc/net/if_inet6").read_text()
    ):
        assert run(_bound(msgspec.structs.replace(settings, bind="::1", port=0))) > 0


def test_a_door_that_nobody_knocks_at_is_closed_at_once(settings: Settings) -> None:
    """A host that had no visitor ends without having started a site, and its port is free again."""

    async def story() -> int:
        async with open_site(settings) as site:
            pass
        return site.port

    port = run(story())
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.1", port))


def test_a_door_ends_with_visitors_inside(settings: Settings) -> None:
    """Open connections, silent, half said or at rest, do not keep a host from ending; they are ended."""

    async def story() -> None:
        with contextlib.ExitStack() as leaving:
            async with open_site(settings) as site:
                lines = [leaving.enter_context(site.connect()) for _ in range(3)]
                await lines[0].send(site.request())
                assert (await lines[0].answer()).status == 200
                await lines[1].send(b"GET / HT")
            for line in lines:
                assert await line.is_over(5.0)

    run(story())


def test_who_comes_while_the_site_starts_is_answered(settings: Settings) -> None:
    """Visitors who knock at the same time all wait for the one site, and all get their answer."""

    async def story() -> None:
        async with open_site(settings) as site:
            said = await asyncio.gather(*(site.say(site.request()) for _ in range(20)))
            assert {one.status for one in said} == {200}

    run(story())


def test_a_site_that_could_not_start_is_started_for_the_next(settings: Settings) -> None:
    """What failed for the first visitor, for a file was in the way, is 503 and works for the next one; nothing is left
    of it.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            (settings.home_path / "access").write_text("in the way")
            with site.connect() as first:
                await first.send(f"GET /api/health HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
                said = await first.answer()
                assert said.status == 503
                assert int(said.headers["retry-after"]) > 0
                assert said.json["status"] == 503
                are_guarded(said.headers)
                assert await first.is_over(20)
            (settings.home_path / "access").unlink()

            async def answered() -> bool:
                try:
                    return (await site.get("/api/me")).status_code == 200
                except (OSError, httpx2.TransportError):
                    return False

            await until(answered)

    run(story())


def test_a_site_that_never_starts_lets_its_host_end(settings: Settings) -> None:
    """Whoever knocks while the site cannot be started waits; the host goes on, and ends when it is told to."""

    async def story() -> None:
        (settings.home_path).mkdir(exist_ok=True)
        (settings.home_path / "access").write_text("in the way")
        async with open_site(settings) as site:
            with site.connect() as line:
                await line.send(b"GET /api/health HTTP/1.1\r\n")
                assert await line.is_over(20)
                ids = await site.yard.hand_in(2)
                assert len(await site.yard.ended(ids)) == 2

    run(story())


def test_a_door_that_is_closed_while_the_site_fails_to_start_stays_closed(settings: Settings) -> None:
    """Of a host that ends at that moment, nothing waits for visitors any more: its loop does not hold the socket."""

    async def story() -> None:
        async with open_site(settings) as site:
            (settings.home_path / "access").write_text("in the way")
            number = site.listener._socket.fileno()
            with site.connect():
                while site.listener._opening is None:
                    await asyncio.sleep(0)
                await site.listener.close()
                assert not asyncio.get_running_loop().remove_reader(number)

    run(story())


def test_a_host_says_where_it_listens(settings: Settings) -> None:
    """The port is on the host's card, so that `ez open` finds it; 0 means that there is no dashboard."""

    async def story() -> None:
        async with working(settings, agent(at_once)) as yard:
            assert [host.port for host in await yard.client.hosts()] == [0]

    run(story())


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_used_is_told_at_the_start(
    settings: Settings, tmp_path: Path, content: str | None
) -> None:
    """Not at the first visit: the words name the settings and the files."""
    if content is not None:
        (tmp_path / "cert.pem").write_text(content)
    wrong = msgspec.structs.replace(
        settings, port=0, tls_cert=str(tmp_path / "cert.pem"), tls_key=str(tmp_path / "key")
    )
    with pytest.raises(ConfigError, match=r"tls_cert .*cert\.pem"):
        bind_listener(wrong)


def test_threads_take_turns_with_the_loop_while_somebody_is_there(settings: Settings) -> None:
    """A page that is made in a thread holds up the loop for a millisecond at a time, and the interpreter is left as it
    was found.
    """
    before = sys.getswitchinterval()

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.get("/api/me")).status_code == 200
            assert sys.getswitchinterval() <= 0.001 < before

    run(story())
    assert sys.getswitchinterval() == before
