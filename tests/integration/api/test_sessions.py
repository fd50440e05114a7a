"""Links and sessions over HTTP: how a browser comes in, what it may then do, and what no other page may."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from tests.integration.api.site import Site, open_site
from tests.leaks import run

from ezaigents.access import SESSION_S, GrantKind, Role
from ezaigents.api.gate import OURS
from ezaigents.api.route import SAFE
from ezaigents.api.routes import ROUTES
from ezaigents.settings import Settings

JOB = {"prompt": "x", "agent": "a"}
SECRET_CHARS = 43


async def _enter(site: Site, code: str, **more: Any) -> Any:
    return await site.get("/enter", token="", params={"code": code}, **more)


# -- coming in -----------------------------------------------------------------------------------------------------


def test_a_link_lets_one_browser_in(settings: Settings) -> None:
    """Whoever follows a link is led to the first page with a cookie that is a session of the link's role."""

    async def story() -> None:
        async with open_site(settings) as site:
            link = site.access.give_link(Role.OPERATE)
            answer = await _enter(site, link.text, headers={"user-agent": b"A browser\xad"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            name, _, text = answer.headers["set-cookie"].partition(";")[0].partition("=")
            assert name == site.cookie
            grant = site.access.find(text, GrantKind.SESSION)
            assert grant is not None
            assert (grant.role, grant.name) == (Role.OPERATE, "A browser")
            assert (await site.get("/api/me", token="", headers={"cookie": f"{name}={text}"})).json()["id"] == grant.id

    run(story())


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(settings: Settings) -> None:
    """It is HttpOnly, SameSite=Strict, for the whole site and this host alone, for as long as the session."""

    async def story() -> None:
        async with open_site(settings) as site:
            answer = await _enter(site, site.access.give_link().text)
            assert len(answer.headers.get_list("set-cookie")) == 1
            parts = [part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]]
            assert sorted(parts) == ["httponly", f"max-age={SESSION_S}", "path=/", "samesite=strict"]
            assert answer.headers["cache-control"] == "no-store"

    run(story())


def test_behind_a_proxy_with_tls_the_cookie_is_secure(settings: Settings) -> None:
    """Where browsers come over TLS, the cookie never goes without it."""

    async def story() -> None:
        async with open_site(settings, behind_proxy="https://fleet.example") as site:
            answer = await _enter(site, site.access.give_link().text, headers={"host": "fleet.example"})
            assert "secure" in answer.headers["set-cookie"].lower()

    run(story())


def test_each_installation_has_a_cookie_of_its_own(settings: Settings) -> None:
    """Browsers send a cookie to every port of a host, so its name tells whose it is; another's is nobody's here."""

    async def story() -> None:
        async with open_site(settings) as site:
            session = site.session().partition("=")[2]
            for cookie in (
                f"ez-{'0' * 8}={session}",
                f"ez={session}",
                f"ez-={session}",
                f"{site.cookie.upper()}={session}",
            ):
                assert (await site.get("/api/me", token="", headers={"cookie": cookie})).status_code == 401, cookie

    run(story())


def test_other_cookies_beside_ours_do_no_harm(settings: Settings) -> None:
    """Whatever other programs of this machine have put into the browser, the session is found."""

    async def story() -> None:
        async with open_site(settings) as site:
            session = site.session()
            for others in ("a=b; {}", "{}; a=b", 'a="x;y"; {}; c', "=; ;; a; {}", "a=[1,2]; {}", "ä=ö; {}", "a@b=c;{}"):
                cookie = others.format(session).encode("latin-1")
                answer = await site.get("/api/me", token="", headers={"cookie": cookie})
                assert answer.status_code == 200, others

    run(story())


def test_the_session_is_found_in_a_second_header_too(settings: Settings) -> None:
    """A proxy may cut the cookies into several headers."""

    async def story() -> None:
        async with open_site(settings) as site:
            cookies = f"Cookie: a=b\r\nCookie: {site.session()}\r\n"
            head = f"GET /api/me HTTP/1.1\r\nHost: {site.host}\r\n{cookies}\r\n"
            assert (await site.say(head.encode())).status == 200

    run(story())


def test_the_token_of_the_host_is_in_no_answer(settings: Settings) -> None:
    """A browser never holds the host's own token, nor anything that is a token."""

    async def story() -> None:
        async with open_site(settings) as site:
            own = site.access.own_token()
            answers = [await _enter(site, site.access.give_link().text)]
            answers += [await site.get(path) for path in ("/api/me", "/api/status", "/api/health", "/api/openapi.json")]
            for answer in answers:
                assert own[-SECRET_CHARS:] not in f"{answer.headers}{answer.text}"
            text = answers[0].headers["set-cookie"].partition(";")[0].partition("=")[2]
            assert site.access.find(text, GrantKind.TOKEN) is None
            headers = {"authorization": f"Bearer {text}"}
            assert (await site.get("/api/me", token="", headers=headers)).status_code == 401

    run(story())


def test_a_link_is_good_once(settings: Settings) -> None:
    """The second who follows it, and whoever makes one up, is told where a fresh one comes from, and gets no cookie."""

    async def story() -> None:
        async with open_site(settings) as site:
            link = site.access.give_link().text
            assert (await _enter(site, link)).status_code == 303
            for code in (link, "", "ez_000000000000_" + "A" * 43, site.access.own_token(), "\0é" * 100):
                answer = await _enter(site, code)
                assert answer.status_code == 403
                assert "ez open" in answer.json()["detail"]
                assert "set-cookie" not in answer.headers
            assert (await site.get("/enter", token="")).status_code == 403

    run(story())


def test_a_page_of_another_origin_cannot_use_up_a_link(settings: Settings) -> None:
    """A request that is turned away leaves the link as it was."""

    async def story() -> None:
        async with open_site(settings) as site:
            link = site.access.give_link().text
            assert (await _enter(site, link, headers={"origin": "http://evil.example"})).status_code == 403
            assert (await _enter(site, link, headers={"host": "evil.example"})).status_code == 421
            assert (await _enter(site, link)).status_code == 303

    run(story())


def test_a_browser_comes_in_with_an_old_session_too(settings: Settings) -> None:
    """A cookie that is over, or a strange one, does not stand in the way of a link."""

    async def story() -> None:
        async with open_site(settings) as site:
            for cookie in (f"{site.cookie}=over", "a=b"):
                answer = await _enter(site, site.access.give_link().text, headers={"cookie": cookie})
                assert answer.status_code == 303

    run(story())


def test_codes_tokens_and_sessions_are_in_no_log(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """However much is logged, nothing in it lets anybody in."""

    async def story() -> None:
        async with open_site(settings) as site:
            link, cookie = site.access.give_link().text, site.session()
            lines = [
                f"GET /enter?code={link} HTTP/1.1\r\nHost: {site.host}\r\n\r\n",
                f"GET /enter?code={link} HTTP/1.1\r\nHost: {site.host}\r\n\r\n",
                f"GET /api/me HTTP/1.1\r\nHost: {site.host}\r\nCookie: {cookie}\r\n\r\n",
                f"GET /api/me HTTP/1.1\r\nHost: evil\r\nCookie: {cookie}\r\n\r\n",
            ]
            assert [(await site.say(line.encode())).status for line in lines] == [303, 403, 200, 421]
            assert (await site.say(site.request())).status == 200
            assert (await site.say(site.request(f"GE{cookie}T"))).status == 400
            for text in (link, cookie, site.token):
                assert text[-SECRET_CHARS:] not in caplog.text

    caplog.set_level(logging.DEBUG)
    run(story())


# -- going ---------------------------------------------------------------------------------------------------------


def test_leaving_ends_the_session(settings: Settings) -> None:
    """After `/api/leave` the cookie opens nothing, wherever a copy of it is, and the browser is told to forget it."""

    async def story() -> None:
        async with open_site(settings) as site:
            cookie, other = site.session(Role.READ), site.session()
            headers = {"cookie": cookie, "origin": site.origin, OURS: "1"}
            answer = await site.post("/api/leave", token="", headers=headers)
            assert answer.status_code == 200
            assert answer.headers["set-cookie"].startswith(f'{site.cookie}=""; ')
            assert "max-age=0" in answer.headers["set-cookie"].lower()
            assert (await site.get("/api/me", token="", headers={"cookie": cookie})).status_code == 401
            assert (await site.get("/api/me", token="", headers={"cookie": other})).status_code == 200

    run(story())


def test_a_token_is_not_ended_by_leaving(settings: Settings) -> None:
    """A program that leaves keeps its token: that is taken back with `ez token revoke`."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.post("/api/leave")).status_code == 200
            assert (await site.get("/api/me")).status_code == 200

    run(story())


# -- other pages ---------------------------------------------------------------------------------------------------


def _lacking(site: Site, cookie: str) -> list[tuple[str, Mapping[str, str]]]:
    """What a page of another site can send along with the cookie, by what it lacks."""
    whole = {"cookie": cookie, "origin": site.origin, OURS: "1", "content-type": "application/json"}
    less = {name: {key: value for key, value in whole.items() if key != name} for name in ("origin", OURS)}
    return [
        ("origin", less["origin"]),
        (OURS, less[OURS]),
        ("both", {"cookie": cookie, "content-type": "application/json"}),
        ("a form", less[OURS] | {"content-type": "application/x-www-form-urlencoded"}),
        ("a form with files", less[OURS] | {"content-type": "multipart/form-data; boundary=x"}),
        ("plain text", less[OURS] | {"content-type": "text/plain"}),
        *(
            (f"sec-fetch-site {site}", whole | {"sec-fetch-site": site})
            for site in ("cross-site", "same-site", "", "x")
        ),
        *((f"origin {origin}", whole | {"origin": origin}) for origin in ("http://evil.example", "null")),
    ]


def test_a_page_of_another_site_can_do_nothing_with_the_session(settings: Settings) -> None:
    """Of what tells our page from others', each thing alone is asked for, on every route with an effect; nothing
    happens.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            cookie, body = site.session(), msgspec.json.encode(JOB)
            routes = [route for route in ROUTES if route.method not in SAFE]
            others = [("PUT", "/api/tasks"), ("DELETE", "/api/me"), ("PATCH", "/api/tasks"), ("POST", "/api/nowhere")]
            for method, path in [*((route.method, route.path.replace("{id}", "0" * 18)) for route in routes), *others]:
                for lack, headers in _lacking(site, cookie):
                    answer = await site.ask(method, path, token="", headers=headers, content=body)
                    assert answer.status_code == 403, (method, path, lack)
            assert await site.accepted() == 0
            assert not await site.yard.queue.paused()
            assert (await site.get("/api/me", token="", headers={"cookie": cookie})).status_code == 200

    run(story())


def test_even_with_all_in_place_a_body_must_be_json(settings: Settings) -> None:
    """Forms and plain text are 415 with a session as with a token."""

    async def story() -> None:
        async with open_site(settings) as site:
            whole = {"cookie": site.session(), "origin": site.origin, OURS: "1"}
            body = msgspec.json.encode(JOB)
            for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", ""):
                for token, headers in (("", whole), (None, {})):
                    given = {**headers, "content-type": media}
                    answer = await site.ask("POST", "/api/tasks", token=token, headers=given, content=body)
                    assert answer.status_code == 415, media
            assert await site.accepted() == 0

    run(story())


def test_our_own_page_may_do_what_its_role_says(settings: Settings) -> None:
    """With cookie, Origin and the header, a session does what a token of its role does, and no more."""

    async def story() -> None:
        async with open_site(settings) as site:
            (settings.workspace_path / "a.py").write_text("x")
            for role, status in ((Role.ADMIN, 201), (Role.OPERATE, 201), (Role.READ, 403)):
                for fetched in ({}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}):
                    headers = {"cookie": site.session(role), "origin": site.origin, OURS: "1", **fetched}
                    answer = await site.post("/api/tasks", JOB, token="", headers=headers)
                    assert answer.status_code == status, (role, site)
            assert await site.accepted() == 12

    run(story())


def test_other_sites_cannot_read_with_the_session_either(settings: Settings) -> None:
    """A GET that a page of another site makes the browser send is refused, cookie or not."""

    async def story() -> None:
        async with open_site(settings) as site:
            cookie = site.session()
            for where in ("cross-site", "same-site"):
                headers = {"cookie": cookie, "sec-fetch-site": where}
                assert (await site.get("/api/tasks", token="", headers=headers)).status_code == 403
            assert (await site.get("/api/tasks", token="", headers={"cookie": cookie})).status_code == 200

    run(story())


def test_a_token_goes_before_a_cookie(settings: Settings) -> None:
    """With both, the token decides, so a wrong one is refused although the browser has a session."""

    async def story() -> None:
        async with open_site(settings) as site:
            cookie = site.session()
            assert (await site.get("/api/me", token="wrong", headers={"cookie": cookie})).status_code == 401
            answer = await site.get("/api/me", token=site.give(Role.READ), headers={"cookie": cookie})
            assert answer.json()["kind"] == "token"

    run(story())
