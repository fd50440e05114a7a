"""Every way into the fleet, over HTTP: who may take it, and who is turned away."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from tests.integration.api.house import House, open_house
from tests.leaks import run

from ezaigents.access import Role
from ezaigents.api.failing import PROBLEM
from ezaigents.api.way import SAFE, Way
from ezaigents.api.ways import WAYS
from ezaigents.settings import Settings

_PARAM = re.compile(r"\{\w+(?::\w+)?\}")
NOWHERE = "/api/nowhere"
OTHER_METHODS = ("PUT", "DELETE", "PATCH", "OPTIONS")


def _path(way: Way) -> str:
    return _PARAM.sub("0" * 18, way.path)


async def _status(house: House, method: str, path: str, token: str) -> int:
    json: dict[str, Any] | None = None if method in SAFE else {}
    answer = await house.ask(method, path, json, token=token)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    if method != "HEAD" and answer.status_code >= 400 and "health" not in path:
        assert answer.headers["content-type"] == PROBLEM
    return answer.status_code


def test_without_a_token_only_what_is_for_everybody_is_answered(settings: Settings) -> None:
    """Each way with a role answers 401 to a stranger, and each without a role does not."""

    async def story() -> None:
        async with open_house(settings) as house:
            for way in WAYS:
                status = await _status(house, way.method, _path(way), "")
                assert (status == 401) == (way.role is not None), (way.method, way.path, status)
            assert await house.accepted() == 0

    run(story())


def test_a_role_goes_as_far_as_it_goes(settings: Settings) -> None:
    """Each way answers 403 to every token whose role does not include the way's, which it names; nothing happens."""

    async def story() -> None:
        async with open_house(settings) as house:
            tokens = {role: house.give(role) for role in (Role.READ, Role.OPERATE)}
            for role, token in tokens.items():
                for way in WAYS:
                    if way.role is not None and not role.includes(way.role):
                        answer = await house.ask(way.method, _path(way), {}, token=token)
                        assert answer.status_code == 403, (way.method, way.path)
                        assert way.role.value in answer.json()["detail"]
            assert await house.accepted() == 0
            assert not await house.yard.queue.paused()

    run(story())


def test_a_reader_may_look_at_everything(settings: Settings) -> None:
    """A token of the role `read` opens every way that says so."""

    async def story() -> None:
        async with open_house(settings) as house:
            token = house.give(Role.READ)
            for way in WAYS:
                if way.role is Role.READ and way.method == "GET" and way.given_as != "text/event-stream":
                    assert await _status(house, "GET", _path(way), token) in (200, 404), way.path

    run(story())


def test_head_is_as_get_without_the_body(settings: Settings) -> None:
    """HEAD has the status and the headers of GET, for strangers as for those who may."""

    async def story() -> None:
        async with open_house(settings) as house:
            for path in [NOWHERE, *(_path(way) for way in WAYS if way.method == "GET" and way.role is not None)]:
                assert await _status(house, "HEAD", path, "") == 401
            for path in ("/api/me", "/api/tasks", "/api/openapi.json", "/api/tasks/" + "0" * 18, NOWHERE):
                got, head = await house.get(path), await house.ask("HEAD", path)
                assert head.content == b""
                assert (head.status_code, dict(head.headers)) == (got.status_code, dict(got.headers))

    run(story())


def test_what_is_not_there_is_told_only_to_those_who_may_know(settings: Settings) -> None:
    """An unknown path is 401 to a stranger, and 404 to a token of any role; so is one a little beside a known one."""

    async def story() -> None:
        async with open_house(settings) as house:
            token = house.give(Role.READ)
            for path in (
                NOWHERE,
                "/api",
                "/api/tasks/",
                "/api//tasks",
                "/api/tasks/x/y/z",
                "/API/TASKS",
                "/%2e%2e/etc",
            ):
                assert await _status(house, "GET", path, "") == 401, path
                assert await _status(house, "GET", path, token) == 404, path

    run(story())


def test_a_method_that_is_not_there_needs_the_highest_role(settings: Settings) -> None:
    """What nobody wrote down is 401 to a stranger and 403 to all but `admin`, who is told that there is none."""

    async def story() -> None:
        async with open_house(settings) as house:
            operate = house.give(Role.OPERATE)
            paths = sorted({_path(way) for way in WAYS} | {NOWHERE})
            known = {(way.method, _path(way)) for way in WAYS}
            for path in paths:
                for method in OTHER_METHODS:
                    assert (method, path) not in known
                    assert await _status(house, method, path, "") == 401
                    assert await _status(house, method, path, operate) == 403
                    assert await _status(house, method, path, house.access.own_token()) in (404, 405)

    run(story())


def test_what_was_taken_back_opens_nothing_any_more(settings: Settings) -> None:
    """The request after a token was revoked is 401, on a connection that was known as on a new one."""

    async def story() -> None:
        async with open_house(settings) as house:
            given = house.access.give(Role.ADMIN, "a script")
            assert await _status(house, "GET", "/api/me", given.text) == 200
            house.access.revoke(given.grant.id)
            assert await _status(house, "GET", "/api/me", given.text) == 401
            assert (await house.say(house.request())).status == 200

    run(story())


def test_who_was_taken_back_hears_nothing_more(settings: Settings) -> None:
    """A stream that was opened with a token or a session that is over by now tells nothing of what happens since."""

    async def story() -> None:
        async with open_house(settings) as house:
            token = house.access.give(Role.READ, "a script")
            session = house.access.redeem(house.access.give_link(Role.READ).text)
            assert session is not None
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\n{key}"
            start = f"HTTP/1.1\r\nHost: {house.host}\r\n"
            shown = f"Authorization: Bearer {token.text}\r\n", f"Cookie: {house.cookie}={session.text}\r\n"
            heads = [f"GET /api/events {start}{one}\r\n" for one in shown] + [f"GET /ws {start}{upgrade}{shown[0]}\r\n"]
            with contextlib.ExitStack() as leaving:
                lines = [leaving.enter_context(house.connect()) for _ in heads]
                for line, head in zip(lines, heads, strict=True):
                    await line.send(head.encode())
                    assert (await line.answer()).status in (101, 200)
                (before,) = await house.yard.hand_in()
                for line in lines:
                    assert await line.hears(before.encode())
                for given in (token, session):
                    house.access.revoke(given.grant.id)
                (after,) = await house.yard.hand_in()
                await house.yard.ended([after])
                for line in lines:
                    assert not await line.hears(after.encode(), limit_s=0.5)

    run(story())


def test_a_token_is_taken_only_where_it_belongs(settings: Settings) -> None:
    """A token in the address, in a cookie, or under another scheme opens nothing; `bearer` may be written in any
    case.
    """

    async def story() -> None:
        async with open_house(settings) as house:
            own = house.access.own_token()
            wrong = [
                {"params": {"token": own}},
                {"params": {"access_token": own}},
                {"headers": {"cookie": f"{house.cookie}={own}"}},
                {"headers": {"authorization": own}},
                {"headers": {"authorization": f"Basic {own}"}},
                {"headers": {"authorization": f"Bearer {house.session().partition('=')[2]}"}},
                {"headers": {"x-api-key": own}},
            ]
            for more in wrong:
                assert (await house.get("/api/me", token="", **more)).status_code == 401, more
            for scheme in ("Bearer", "bearer", "BEARER"):
                answer = await house.get("/api/me", token="", headers={"authorization": f"{scheme} {own}"})
                assert answer.status_code == 200

    run(story())


def test_health_tells_a_stranger_nothing_but_whether_it_is_well(settings: Settings) -> None:
    """Without a token `/api/health` says `ok` alone; with one, also how tasks are kept."""

    async def story() -> None:
        async with open_house(settings) as house:
            assert (await house.get("/api/health", token="")).json() == {"ok": True}
            assert (await house.get("/api/health", token="ez_wrong")).json() == {"ok": True}
            told = (await house.get("/api/health", token=house.give(Role.READ))).json()
            assert told == {"ok": True, "alive": True, "ready": True, "durability": "always"}

    run(story())


def test_who_asks_is_told_who_he_is(settings: Settings) -> None:
    """`/api/me` says id, kind, role and name of the grant, and never its secret."""

    async def story() -> None:
        async with open_house(settings) as house:
            given = house.access.give(Role.OPERATE, "a script")
            answer = await house.get("/api/me", token=given.text)
            assert answer.json() == {"id": given.grant.id, "kind": "token", "role": "operate", "name": "a script"}
            answer = await house.get("/api/me", token="", headers={"cookie": house.session(Role.READ)})
            assert (answer.json()["kind"], answer.json()["role"]) == ("session", "read")

    run(story())


def test_what_a_program_says_on_the_socket_is_not_looked_at(settings: Settings) -> None:
    """Text, bytes or nothing: it hears what happens all the same."""

    async def story() -> None:
        async with open_house(settings) as house:
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
            with house.connect() as line:
                await line.send(house.request("GET", "/ws", "Upgrade: websocket", "Connection: Upgrade", key))
                assert (await line.answer()).status == 101
                for opcode in (0x81, 0x82):
                    await line.send(bytes((opcode, 0x82)) + b"\0\0\0\0" + b"hi")
                (task_id,) = await house.yard.hand_in()
                assert await line.hears(task_id.encode())

    run(story())


@pytest.mark.parametrize("since", ["x", "1", "1-", "-1", "18446744073709551616-0", "0-18446744073709551616", "٣-1"])
def test_a_place_in_the_stream_that_cannot_be_is_refused(settings: Settings, since: str) -> None:
    """Before the stream begins, with its field's name."""

    async def story() -> None:
        async with open_house(settings) as house:
            answer = await house.get("/api/events", params={"since": since})
            assert (answer.status_code, answer.json()["field"]) == (422, "event id")

    run(story())
