"""Every route, over HTTP: who may take it, and who is turned away."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from tests.integration.api.site import Site, open_site
from tests.leaks import run

from ezaigents.access import Role
from ezaigents.api.failing import PROBLEM
from ezaigents.api.route import SAFE, Route
from ezaigents.api.routes import ROUTES
from ezaigents.settings import Settings

_PARAM = re.compile(r"\{\w+(?::\w+)?\}")
NOWHERE = "/api/nowhere"
OTHER_METHODS = ("PUT", "DELETE", "PATCH", "OPTIONS")


def _path(route: Route) -> str:
    return _PARAM.sub("0" * 18, route.path)


async def _status(site: Site, method: str, path: str, token: str) -> int:
    json: dict[str, Any] | None = None if method in SAFE else {}
    answer = await site.ask(method, path, json, token=token)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    if method != "HEAD" and answer.status_code >= 400 and "health" not in path:
        assert answer.headers["content-type"] == ("application/json" if path.startswith("/v1/") else PROBLEM)
    return answer.status_code


def test_without_a_token_only_what_is_for_everybody_is_answered(settings: Settings) -> None:
    """Each route with a role answers 401 to a stranger, and each without a role does not."""

    async def story() -> None:
        async with open_site(settings) as site:
            for route in ROUTES:
                status = await _status(site, route.method, _path(route), "")
                assert (status == 401) == (route.role is not None), (route.method, route.path, status)
            assert await site.accepted() == 0

    run(story())


def test_a_role_goes_as_far_as_it_goes(settings: Settings) -> None:
    """Each route answers 403 to every token whose role does not include its own, which it names; nothing happens."""

    async def story() -> None:
        async with open_site(settings) as site:
            tokens = {role: site.give(role) for role in (Role.READ, Role.OPERATE)}
            for role, token in tokens.items():
                for route in ROUTES:
                    if route.role is not None and not role.includes(route.role):
                        answer = await site.ask(route.method, _path(route), {}, token=token)
                        assert answer.status_code == 403, (route.method, route.path)
                        said = answer.json()
                        assert route.role.value in (said["error"]["message"] if route.fails else said["detail"])
            assert await site.accepted() == 0
            assert not await site.yard.queue.paused()

    run(story())


def test_a_reader_may_look_at_everything(settings: Settings) -> None:
    """A token of the role `read` opens every route that says so."""

    async def story() -> None:
        async with open_site(settings) as site:
            token = site.give(Role.READ)
            for route in ROUTES:
                if route.role is Role.READ and route.method == "GET" and route.given_as != "text/event-stream":
                    may = (200, 404, 503) if route.fails else (200, 404)  # this fleet has no models
                    assert await _status(site, "GET", _path(route), token) in may, route.path

    run(story())


def test_head_is_as_get_without_the_body(settings: Settings) -> None:
    """HEAD has the status and the headers of GET, for strangers as for those who may."""

    async def story() -> None:
        async with open_site(settings) as site:
            for path in [
                NOWHERE,
                *(_path(route) for route in ROUTES if route.method == "GET" and route.role is not None),
            ]:
                assert await _status(site, "HEAD", path, "") == 401
            for path in ("/api/me", "/api/tasks", "/api/openapi.json", "/api/tasks/" + "0" * 18, NOWHERE):
                got, head = await site.get(path), await site.ask("HEAD", path)
                assert head.content == b""
                assert (head.status_code, dict(head.headers)) == (got.status_code, dict(got.headers))

    run(story())


def test_what_is_not_there_is_told_only_to_those_who_may_know(settings: Settings) -> None:
    """An unknown path is 401 to a stranger, and 404 to a token of any role; so is one a little beside a known one."""

    async def story() -> None:
        async with open_site(settings) as site:
            token = site.give(Role.READ)
            for path in (
                NOWHERE,
                "/api",
                "/api/tasks/",
                "/api//tasks",
                "/api/tasks/x/y/z",
                "/API/TASKS",
                "/%2e%2e/etc",
            ):
                assert await _status(site, "GET", path, "") == 401, path
                assert await _status(site, "GET", path, token) == 404, path

    run(story())


def test_a_method_that_is_not_there_needs_the_highest_role(settings: Settings) -> None:
    """What nobody wrote down is 401 to a stranger and 403 to all but `admin`, who is told that there is none."""

    async def story() -> None:
        async with open_site(settings) as site:
            operate = site.give(Role.OPERATE)
            paths = sorted({_path(route) for route in ROUTES} | {NOWHERE})
            known = {(route.method, _path(route)) for route in ROUTES}
            for path in paths:
                for method in OTHER_METHODS:
                    assert (method, path) not in known
                    assert await _status(site, method, path, "") == 401
                    assert await _status(site, method, path, operate) == 403
                    assert await _status(site, method, path, site.access.own_token()) in (404, 405)

    run(story())


def test_what_was_taken_back_opens_nothing_any_more(settings: Settings) -> None:
    """The request after a token was revoked is 401, on a connection that was known as on a new one."""

    async def story() -> None:
        async with open_site(settings) as site:
            given = site.access.give(Role.ADMIN, "a script")
            assert await _status(site, "GET", "/api/me", given.text) == 200
            site.access.revoke(given.grant.id)
            assert await _status(site, "GET", "/api/me", given.text) == 401
            assert (await site.say(site.request())).status == 200

    run(story())


def test_who_was_taken_back_hears_nothing_more(settings: Settings) -> None:
    """A stream that was opened with a token or a session that is over by now tells nothing of what happens since."""

    async def story() -> None:
        async with open_site(settings) as site:
            token = site.access.give(Role.READ, "a script")
            session = site.access.redeem(site.access.give_link(Role.READ).text)
            assert session is not None
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\n{key}"
            start = f"HTTP/1.1\r\nHost: {site.host}\r\n"
            shown = f"Authorization: Bearer {token.text}\r\n", f"Cookie: {site.cookie}={session.text}\r\n"
            heads = [f"GET /api/events {start}{one}\r\n" for one in shown] + [f"GET /ws {start}{upgrade}{shown[0]}\r\n"]
            with contextlib.ExitStack() as leaving:
                lines = [leaving.enter_context(site.connect()) for _ in heads]
                for line, head in zip(lines, heads, strict=True):
                    await line.send(head.encode())
                    assert (await line.answer()).status in (101, 200)
                (before,) = await site.yard.hand_in()
                for line in lines:
                    assert await line.hears(before.encode())
                for given in (token, session):
                    site.access.revoke(given.grant.id)
                (after,) = await site.yard.hand_in()
                await site.yard.ended([after])
                for line in lines:
                    assert not await line.hears(after.encode(), limit_s=0.5)

    run(story())


def test_a_token_is_taken_only_where_it_belongs(settings: Settings) -> None:
    """A token in the address, in a cookie, or under another scheme opens nothing; `bearer` may be written in any
    case.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            own = site.access.own_token()
            wrong = [
                {"params": {"token": own}},
                {"params": {"access_token": own}},
                {"headers": {"cookie": f"{site.cookie}={own}"}},
                {"headers": {"authorization": own}},
                {"headers": {"authorization": f"Basic {own}"}},
                {"headers": {"authorization": f"Bearer {site.session().partition('=')[2]}"}},
                {"headers": {"x-api-key": own}},
            ]
            for more in wrong:
                assert (await site.get("/api/me", token="", **more)).status_code == 401, more
            for scheme in ("Bearer", "bearer", "BEARER"):
                answer = await site.get("/api/me", token="", headers={"authorization": f"{scheme} {own}"})
                assert answer.status_code == 200

    run(story())


def test_health_tells_a_stranger_nothing_but_whether_it_is_well(settings: Settings) -> None:
    """Without a token `/api/health` says `ok` alone; with one, also how tasks are kept."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.get("/api/health", token="")).json() == {"ok": True}
            assert (await site.get("/api/health", token="ez_wrong")).json() == {"ok": True}
            told = (await site.get("/api/health", token=site.give(Role.READ))).json()
            assert told == {"ok": True, "alive": True, "ready": True, "durability": "always"}

    run(story())


def test_who_asks_is_told_who_he_is(settings: Settings) -> None:
    """`/api/me` says id, kind, role and name of the grant, and never its secret."""

    async def story() -> None:
        async with open_site(settings) as site:
            given = site.access.give(Role.OPERATE, "a script")
            answer = await site.get("/api/me", token=given.text)
            assert answer.json() == {"id": given.grant.id, "kind": "token", "role": "operate", "name": "a script"}
            answer = await site.get("/api/me", token="", headers={"cookie": site.session(Role.READ)})
            assert (answer.json()["kind"], answer.json()["role"]) == ("session", "read")

    run(story())


def test_what_a_program_says_on_the_socket_is_not_looked_at(settings: Settings) -> None:
    """Text, bytes or nothing: it hears what happens all the same."""

    async def story() -> None:
        async with open_site(settings) as site:
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
            with site.connect() as line:
                await line.send(site.request("GET", "/ws", "Upgrade: websocket", "Connection: Upgrade", key))
                assert (await line.answer()).status == 101
                for opcode in (0x81, 0x82):
                    await line.send(bytes((opcode, 0x82)) + b"\0\0\0\0" + b"hi")
                (task_id,) = await site.yard.hand_in()
                assert await line.hears(task_id.encode())

    run(story())


@pytest.mark.parametrize("since", ["x", "1", "1-", "-1", "18446744073709551616-0", "0-18446744073709551616", "٣-1"])
def test_a_place_in_the_stream_that_cannot_be_is_refused(settings: Settings, since: str) -> None:
    """Before the stream begins, with its field's name."""

    async def story() -> None:
        async with open_site(settings) as site:
            answer = await site.get("/api/events", params={"since": since})
            assert (answer.status_code, answer.json()["field"]) == (422, "event id")

    run(story())
