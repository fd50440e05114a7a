"""The OpenAPI document as it is served, and the headers that every answer carries."""

from __future__ import annotations

import msgspec
from tests.integration.api.house import are_guarded, open_house
from tests.leaks import run

from ezaigents import __version__
from ezaigents.access import Role
from ezaigents.api.openapi import document
from ezaigents.api.ways import WAYS
from ezaigents.settings import Settings


def test_the_document_that_is_served_is_that_of_the_ways(settings: Settings) -> None:
    """`/api/openapi.json` is the document of the table and of this version, for everybody with a token."""

    async def story() -> None:
        async with open_house(settings) as house:
            served = await house.get("/api/openapi.json", token=house.give(Role.READ))
            assert served.headers["content-type"] == "application/json"
            assert served.json() == msgspec.json.decode(msgspec.json.encode(document(WAYS, __version__)))
            assert (await house.get("/api/openapi.json", token="")).status_code == 401

    run(story())


def test_every_answer_keeps_browsers_on_our_side(settings: Settings) -> None:
    """CSP without inline scripts and without frames, nosniff and no referrer are on every answer,
    errors and 304 too.
    """

    async def story() -> None:
        async with open_house(settings) as house:
            tag = (await house.get("/api/me")).headers["etag"]
            link = house.access.give_link().text
            answers = [
                await house.get("/api/me"),
                await house.get("/api/me", headers={"if-none-match": tag}),
                await house.get("/api/me", token=""),
                await house.get("/api/health", token=""),
                await house.get("/api/nowhere"),
                await house.ask("PUT", "/api/me"),
                await house.ask("HEAD", "/api/me"),
                await house.get("/api/me", headers={"host": "evil.example"}),
                await house.get("/api/me", headers={"origin": "http://evil.example"}),
                await house.get("/api/tasks/x"),
                await house.post("/api/tasks", {}),
                await house.ask("POST", "/api/tasks", content=b"{}", headers={"content-type": "text/plain"}),
                await house.ask("POST", "/api/tasks", content=b"{", headers={"content-type": "application/json"}),
                await house.get("/enter", token="", params={"code": link}),
                await house.get("/enter", token="", params={"code": link}),
                await house.post("/api/leave"),
            ]
            assert [answer.status_code for answer in answers] == [
                200, 304, 401, 200, 404, 405, 200, 421, 403, 422, 422, 415, 422, 303, 403, 200,
            ]  # fmt: skip
            for answer in answers:
                are_guarded(answer.headers)
                policy = answer.headers["content-security-policy"]
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
                assert "server" not in answer.headers
                assert len(answer.headers.get_list("content-security-policy")) == 1
            assert {answer.headers["cache-control"] for answer in answers} == {"private, no-cache", "no-store"}

    run(story())
