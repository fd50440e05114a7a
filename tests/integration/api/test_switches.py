"""`/api/switches`: what is on, choosing, and who may."""

from __future__ import annotations

import pytest
from tests.integration.api.site import open_site
from tests.leaks import run

from ezaigents.access import Role
from ezaigents.settings import Settings


def test_a_switch_is_turned_over_http_and_the_host_has_it(settings: Settings) -> None:
    """A live one is in force in the running host; one for the next start says that it waits."""

    async def story() -> None:
        async with open_site(settings) as site:
            listed = (await site.get("/api/switches")).json()["switches"]
            assert [row["on"] for row in listed] == [True] * 7
            answer = await site.post("/api/switches/push-delivery", {"on": False})
            rows = {row["name"]: row for row in answer.json()["switches"]}
            assert (rows["push-delivery"]["on"], rows["push-delivery"]["waits"]) == (False, False)
            assert rows["push-delivery"]["from"] == "ez switch"
            await site.yard.ended(await site.yard.hand_in(1))
            answer = await site.post("/api/switches/bounded-memory", {"on": False})
            rows = {row["name"]: row for row in answer.json()["switches"]}
            assert (rows["bounded-memory"]["on"], rows["bounded-memory"]["waits"]) == (False, True)
            await site.post("/api/switches/bounded-memory", {"on": None})
            assert all(not row["waits"] for row in (await site.get("/api/switches")).json()["switches"])

    run(story())


@pytest.mark.parametrize(("name", "body"), [("push-delivry", {"on": True}), ("push-delivery", {"on": "yes"})])
def test_a_slip_is_told_and_changes_nothing(settings: Settings, name: str, body: dict[str, object]) -> None:
    """422 with what was meant."""

    async def story() -> None:
        async with open_site(settings) as site:
            refused = await site.post(f"/api/switches/{name}", body)
            assert refused.status_code == 422
            assert not (settings.home_path / "switches.json").exists()

    run(story())


def test_only_an_admin_may_choose(settings: Settings) -> None:
    """Who operates may look."""

    async def story() -> None:
        async with open_site(settings) as site:
            operator = site.give(Role.OPERATE)
            assert (await site.get("/api/switches", token=operator)).status_code == 200
            refused = await site.post("/api/switches/push-delivery", {"on": False}, token=operator)
            assert refused.status_code == 403

    run(story())
