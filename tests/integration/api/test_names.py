"""Names and pages that are not ours: Host and Origin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.integration.api.site import RawAnswer, Site, are_guarded, open_site
from tests.leaks import run

from ezaigents.api.failing import PROBLEM
from ezaigents.settings import Settings

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
JOB = b'{"prompt":"x","agent":"a"}'


async def _ask(site: Site, method: str, hosts: Sequence[str], *lines: str, version: str = "1.1") -> RawAnswer:
    """A request that is fine but for its Host: its token, its body and its path are."""
    head = [f"{method} /api/tasks HTTP/{version}", *(f"Host: {host}" for host in hosts)]
    head += [f"Authorization: Bearer {site.access.own_token()}", *lines]
    body = b"" if method == "GET" else JOB
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    return await site.say("\r\n".join([*head, "", ""]).encode("latin-1") + body)


def _not_ours(site: Site) -> list[Sequence[str]]:
    port, host = site.port, site.host
    return [
        ["evil.example"],
        [f"evil.example:{port}"],
        [f"127.0.0.1.evil.example:{port}"],
        [f"localhost.evil.example:{port}"],
        [f"evil.localhost:{port}"],
        ["127.0.0.1"],
        ["localhost"],
        [f"127.0.0.1:{port + 1}"],
        [f"127.0.0.1.:{port}"],
        [f"localhost.:{port}"],
        [f"127.0.0.1:0{port}"],
        [f"127.1:{port}"],
        [f"2130706433:{port}"],
        [f"0.0.0.0:{port}"],
        [f"[::]:{port}"],
        [f"[::ffff:127.0.0.1]:{port}"],
        [f"::1:{port}"],
        [f"user@{host}"],
        [f"{host}/"],
        [f"{host},{host}"],
        [f"{host} {host}"],
        [f"{host}\xa0"],
        [f"http://{host}"],
        [""],
        [],
        [host, host],
        [host, "evil.example"],
        ["evil.example", host],
    ]


def test_a_name_that_is_not_ours_is_turned_away_first(settings: Settings) -> None:
    """Whatever Host is not exactly one of this machine's own with the port is 421, even with a good token."""

    async def story() -> None:
        async with open_site(settings) as site:
            for hosts in _not_ours(site):
                for method in ("GET", "POST"):
                    said = await _ask(site, method, hosts)
                    assert said.status == 421, (method, hosts, said)
                    are_guarded(said.headers)
                    assert b"ez open" in said.body
            assert await site.accepted() == 0

    run(story())


def test_the_name_is_looked_at_before_anything_else(settings: Settings) -> None:
    """A wrong Host is 421 whoever asks, from whatever page, with however large a body, in whatever version."""

    async def story() -> None:
        async with open_site(settings) as site:
            evil = b"Host: evil.example\r\n"
            for lines in (
                b"",
                b"Authorization: Bearer wrong\r\n",
                b"Origin: http://evil.example\r\n",
                b"Content-Length: 999999999\r\n",
            ):
                said = await site.say(b"POST /api/tasks HTTP/1.1\r\n" + evil + lines + b"\r\n")
                assert said.status == 421, lines
                assert said.headers["connection"] == "close"
            assert (await site.say(b"GET /api/health HTTP/1.1\r\n" + evil + b"\r\n")).status == 421
            assert (await site.say(b"GET /enter?code=x HTTP/1.1\r\n" + evil + b"\r\n")).status == 421
            assert (await _ask(site, "GET", [], version="1.0")).status == 421

    run(story())


def test_a_target_that_names_another_host_is_turned_away(settings: Settings) -> None:
    """A request line with a whole address is for a proxy, and there is none here, whatever Host says."""

    async def story() -> None:
        async with open_site(settings) as site:
            for target in ("http://evil.example/api/me", f"http://evil.example:{site.port}/api/me"):
                assert (await site.say(site.request("GET", target))).status == 421, target
            for target in ("evil.example:80", "api/me", "http://evil.example", "//evil.example/api/me", "?", "*"):
                assert (await site.say(site.request("GET", target))).status in (400, 404, 421), target

    run(story())


def test_our_own_names_are_answered(settings: Settings) -> None:
    """localhost and the loopback addresses with the port are this site, in whatever case."""

    async def story() -> None:
        async with open_site(settings) as site:
            for name in ("localhost", "LocalHost", "127.0.0.1", "[::1]"):
                assert (await _ask(site, "GET", [f"{name}:{site.port}"])).status == 200, name

    run(story())


def _pages_of_others(site: Site) -> list[str]:
    return [
        "http://evil.example",
        "null",
        "",
        f"https://{site.host}",
        "http://127.0.0.1",
        f"http://127.0.0.1:{site.port + 1}",
        f"http://evil.localhost:{site.port}",
        f"http://evil.{site.host}",
        f"http://{site.host}.evil.example",
        f"http://{site.host}/",
        f"http://user@{site.host}",
        f"ws://{site.host}",
        "file://",
        "chrome-extension://abcdef",
        f"{site.origin}, http://evil.example",
        f"{site.origin} http://evil.example",
    ]


def test_pages_of_other_origins_may_ask_nothing(settings: Settings) -> None:
    """Any Origin but our own is 403 on every method, with a token as with a session, and nothing happens."""

    async def story() -> None:
        async with open_site(settings) as site:
            session = site.session()
            for origin in _pages_of_others(site):
                for method in METHODS:
                    for path in ("/api/tasks", "/api/health"):
                        json = None if method in ("GET", "HEAD") else {"prompt": "x", "agent": "a"}
                        more: dict[str, Any] = {"headers": {"origin": origin}}
                        answer = await site.ask(method, path, json, **more)
                        assert answer.status_code == 403, (method, origin)
                    more["headers"] |= {"cookie": session, "ez-request": "1"}
                    assert (await site.ask(method, path, json, token="", **more)).status_code == 403
            assert await site.accepted() == 0

    run(story())


def test_of_two_origins_both_must_be_ours(settings: Settings) -> None:
    """A second Origin header does not hide the first, in either order."""

    async def story() -> None:
        async with open_site(settings) as site:
            ours, evil = f"Origin: {site.origin}", "Origin: http://evil.example"
            for lines in ([ours, evil], [evil, ours]):
                assert (await _ask(site, "GET", [site.host], *lines)).status == 403
            assert (await _ask(site, "GET", [site.host], ours)).status == 200

    run(story())


def test_no_page_of_others_is_let_in_by_a_header(settings: Settings) -> None:
    """There is no CORS: a preflight is refused, and no answer permits another origin anything."""

    async def story() -> None:
        async with open_site(settings) as site:
            asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
            for token in ("", None):
                answer = await site.ask("OPTIONS", "/api/tasks", token=token, headers=asked)
                assert answer.status_code == 403
                assert not [name for name in answer.headers if name.startswith("access-control")]
            answer = await site.get("/api/me", headers={"origin": site.origin})
            assert answer.status_code == 200
            assert not [name for name in answer.headers if name.startswith("access-control")]

    run(story())


def test_no_upgrade_from_a_page_of_others(settings: Settings) -> None:
    """A WebSocket from another origin, or without a token, or that is none, is refused, and its connection ends."""

    async def story() -> None:
        async with open_site(settings) as site:
            upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            lines: list[list[str]] = [
                [*upgrade, key, "Origin: http://evil.example"],
                [*upgrade, key, "Origin: null"],
                [*upgrade, key],
                upgrade,
                [*upgrade, key, "Host: evil.example"],
                [*upgrade, key, "Content-Length: 5"],
            ]
            for more in lines:
                for path in ("/api/me", "/api/nowhere", "/api/health", "/api/%ff"):
                    with site.connect() as line:
                        await line.send(site.request("GET", path, *more))
                        assert 400 <= (await line.answer()).status < 500, (path, more)
                        assert await line.is_over()
                    head = f"GET {path} HTTP/1.1\r\nHost: {site.host}\r\n" + "\r\n".join([*more, "", ""])
                    with site.connect() as line:
                        await line.send(head.encode())
                        assert 400 <= (await line.answer()).status < 500, (path, more)
                        assert await line.is_over()

    run(story())


def test_a_refused_upgrade_says_why(settings: Settings) -> None:
    """A WebSocket that is refused is answered like any request: with the status, the words and the guards."""

    async def story() -> None:
        async with open_site(settings) as site:
            upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            upgrade.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
            good = site.request("GET", "/ws", *upgrade)
            for request, status in (
                (site.request("GET", "/ws", *upgrade, "Origin: http://evil.example"), 403),
                (site.request("GET", "/ws", *upgrade, host="evil.example"), 421),
                (good.replace(site.token.encode(), b"wrong"), 401),
                (good, 101),
            ):
                said = await site.say(request)
                assert said.status == status
                if status != 101:
                    are_guarded(said.headers)
                    assert said.headers["content-type"] == PROBLEM
                    assert said.json["status"] == status

    run(story())
