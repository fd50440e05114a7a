"""Guessing tokens: after some wrong ones there is a pause, which those with a right one do not notice."""

from __future__ import annotations

import httpx2
import pytest
from tests.integration.api.site import Site, open_site
from tests.leaks import run

from ezaigents.access import Role
from ezaigents.api import guessing
from ezaigents.settings import Settings

MOST = 30


async def _guess(site: Site, times: int, **more: str) -> list[int]:
    headers = more or {"authorization": f"Bearer ez_{'0' * 12}_{'A' * 43}"}
    return [(await site.get("/api/me", token="", headers=headers)).status_code for _ in range(times)]


def test_after_too_many_wrong_tokens_there_is_a_pause(settings: Settings) -> None:
    """Thirty wrong tokens within a minute are 401, whatever form they have; from then on it is 429 with Retry-After."""

    async def story() -> None:
        async with open_site(settings) as site:
            guesses: tuple[dict[str, str], ...] = ({}, {"authorization": "Basic eA=="}, {"cookie": f"{site.cookie}=x"})
            for guess in guesses:
                assert await _guess(site, MOST // 3, **guess) == [401] * (MOST // 3)
            for guess in guesses:
                headers = guess or {"authorization": "Bearer wrong"}
                answer = await site.get("/api/tasks", token="", headers=headers)
                assert answer.status_code == 429
                assert int(answer.headers["retry-after"]) > 0
                assert "wrong tokens" in answer.json()["detail"]

    run(story())


def test_a_right_token_is_let_in_all_the_same(settings: Settings) -> None:
    """While others are refused, every right token and session works, and strangers without one are told what they
    need.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            read, session = site.give(Role.READ), site.session()
            assert (await _guess(site, MOST + 1))[-1] == 429
            assert (await site.get("/api/me")).status_code == 200
            assert (await site.get("/api/me", token=read)).status_code == 200
            assert (await site.get("/api/me", token="", headers={"cookie": session})).status_code == 200
            assert (await site.get("/api/me", token="")).status_code == 401
            assert (await site.get("/api/health", token="")).status_code == 200
            link = site.access.give_link().text
            assert (await site.get("/enter", token="", params={"code": link})).status_code == 303

    run(story())


def test_the_pause_is_over_after_a_while(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong tokens of more than a minute ago do not count any more."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await _guess(site, MOST + 1))[-1] == 429
            monkeypatch.setattr(guessing, "_WITHIN_S", 0.0)
            assert await _guess(site, 1) == [401]

    run(story())


def test_nothing_is_no_guess(settings: Settings) -> None:
    """A stranger who shows nothing does not use up what others may try."""

    async def story() -> None:
        async with open_site(settings) as site:
            for _ in range(MOST + 5):
                assert (await site.get("/api/me", token="")).status_code == 401
            assert await _guess(site, 1) == [401]

    run(story())


def test_the_cookies_of_other_programs_are_no_guesses(settings: Settings) -> None:
    """A browser sends what others on this machine have left in it: that is no try at a token of ours."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert await _guess(site, MOST + 5, cookie="theme=dark; _xsrf=2|ab|cd") == [401] * (MOST + 5)
            assert await _guess(site, 1) == [401]

    run(story())


def test_wrong_links_are_guesses(settings: Settings) -> None:
    """Thirty codes that are no link's are 403; then it is 429 with Retry-After, and a right link works all the same."""

    async def story() -> None:
        async with open_site(settings) as site:

            async def enter(code: str) -> httpx2.Response:
                return await site.get("/enter", token="", params={"code": code})

            for _ in range(MOST + 5):
                assert (await enter("")).status_code == 403
            assert [(await enter("wrong")).status_code for _ in range(MOST)] == [403] * MOST
            refused = await enter(f"ez_{'0' * 12}_{'A' * 43}")
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) > 0
            assert await _guess(site, 1) == [429]
            assert (await enter(site.access.give_link().text)).status_code == 303

    run(story())
