"""The OpenAPI document as it is served, and the headers that every answer carries."""

from __future__ import annotations

import msgspec
from tests.integration.api.site import are_guarded, open_site
from tests.leaks import run

from ezaigents import __version__
from ezaigents.access import Role
from ezaigents.api.openapi import document
from ezaigents.api.routes import ROUTES
from ezaigents.settings import Settings


def test_the_document_that_is_served_is_that_of_the_ways(settings: Settings) -> None:
    """`/api/openapi.json` is the document of the table and of this version, for everybody with a token."""

    async def story() -> None:
        async with open_site(settings) as site:
            served = await site.get("/api/openapi.json", token=site.give(Role.READ))
            assert served.headers["content-type"] == "application/json"
            assert served.json() == msgspec.json.decode(msgspec.json.encode(document(ROUTES, __version__)))
            assert (await site.get("/api/openapi.json", token="")).status_code == 401

    run(story())


def test_every_answer_keeps_browsers_on_our_side(settings: Settings) -> None:
    """CSP without inline scripts and without frames, nosniff and no referrer are on every answer,
    errors and 304 too.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            tag = (await site.get("/api/me")).headers["etag"]
            link = site.access.give_link().text
            answers = [
                await site.get("/api/me"),
                await site.get("/api/me", headers={"if-none-match": tag}),
                await site.get("/api/me", token=""),
                await site.get("/api/health", token=""),
                await site.get("/api/nowhere"),
                await site.ask("PUT", "/api/me"),
                await site.ask("HEAD", "/api/me"),
                await site.get("/api/me", headers={"host": "evil.example"}),
                await site.get("/api/me", headers={"origin": "http://evil.example"}),
                await site.get("/api/tasks/x"),
                await site.post("/api/tasks", {}),
                await site.ask("POST", "/api/tasks", content=b"{}", headers={"content-type": "text/plain"}),
                await site.ask("POST", "/api/tasks", content=b"{", headers={"content-type": "application/json"}),
                await site.get("/enter", token="", params={"code": link}),
                await site.get("/enter", token="", params={"code": link}),
                await site.post("/api/leave"),
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
