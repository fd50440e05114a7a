"""Pages without a stream: the switch says so to the page, and nothing is pushed."""

from __future__ import annotations

import msgspec
import pytest
from tests.integration.dashboard.test_pages import open_site
from tests.leaks import run

from ezaigents.api.failing import PROBLEM
from ezaigents.settings import Settings

UPGRADE = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_where_nothing_is_pushed_pages_look_by_themselves(settings: Settings) -> None:
    """With `dashboard_push = false` each page says so to its script, and both streams are 404 with the reason."""

    async def story() -> None:
        async with open_site(msgspec.structs.replace(settings, dashboard_push=False)) as site:
            for path in ("/", "/tasks", "/new", "/problems"):
                assert ' data-push="off">' in (await site.get(path)).text
            own = {"authorization": f"Bearer {site.access.own_token()}"}
            for path, more in (("/api/events", {}), ("/ws", UPGRADE)):
                refused = await site.get(path, **own, **more)
                assert refused.status_code == 404
                assert refused.headers["content-type"] == PROBLEM
                assert "dashboard_push" in refused.json()["detail"]

    run(story())


@pytest.mark.parametrize("path", ["/", "/tasks"])
def test_as_a_rule_pages_listen(settings: Settings, path: str) -> None:
    """Without the switch nothing tells a page to look by itself."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert "data-push" not in (await site.get(path)).text

    run(story())
