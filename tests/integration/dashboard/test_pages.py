"""Pages: what each shows, hostile text through every field, weight, and what keeps a browser on our side."""

from __future__ import annotations

import asyncio
import gzip
import html
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec
import pytest
from tests.integration.api.site import are_guarded
from tests.integration.runtime.fleets import Yard, agent, at_once, working
from tests.leaks import run, until
from tests.unit.scorecard.measured import hostile, measuring

from ezaigents.access import Access, Role
from ezaigents.agents import Agent, Context, Declared, TaskFailed
from ezaigents.api import bind_listener, resources
from ezaigents.clock import SystemClock
from ezaigents.dashboard import load_site
from ezaigents.dashboard.pages import PAGES
from ezaigents.records import AgentCard, Claim, Result
from ezaigents.scorecard import folder_of, keep, keep_of, read_prices
from ezaigents.settings import Settings
from ezaigents.team import Notes

pytestmark = pytest.mark.functional

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}&lt;"
_ADDRESSES = re.compile(r'(?:src|href)="(/static/[^"]+)"')


class Site:
    """The pages of a fleet at work, asked as a browser with a session asks."""

    def __init__(self, settings: Settings, yard: Yard, port: int) -> None:
        self.yard = yard
        self.access = Access(settings.home_path)
        self.http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False)

    async def enter(self, role: Role = Role.ADMIN) -> httpx2.Response:
        """Follow a link, as a browser does."""
        self.http.cookies.clear()
        return await self.http.get(f"/enter?code={self.access.give_link(role).text}", follow_redirects=True)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        answer = await self.http.get(path, headers=headers)
        are_guarded(answer.headers)
        return answer


def pages(*task_ids: str, run: str = "") -> list[str]:
    """Every page; of tasks and runs those that are named."""
    found = []
    for route in PAGES:
        if route.given_as == "text/html":
            named = [run] if route.path.startswith("/runs/") and run else list(task_ids)
            found += [route.path.replace("{id}", one) for one in named] if "{id}" in route.path else [route.path]
    return found


@asynccontextmanager
async def open_site(settings: Settings, *agents: Declared) -> AsyncIterator[Site]:
    """A fleet whose agents are at work, and its pages."""
    settings = msgspec.structs.replace(settings, port=0)
    async with working(settings, *(agents or (agent(at_once),))) as yard:
        listener = bind_listener(settings, load_site)
        listener.open()
        site = Site(settings, yard, listener.port)
        try:
            async with site.http:
                assert (await site.enter()).status_code == 200
                yield site
        finally:
            await listener.close()


class _Hostile:
    """Says hostile things wherever it can say anything."""

    async def run(self, claim: Claim, context: Context) -> Result:
        if claim.title.startswith("fail"):
            raise TaskFailed(HOSTILE)
        name = f"tasks/{claim.id}/patch.diff"
        path = context.settings.home_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"diff --git a/x b/{HOSTILE}\n@@ -1 +1 @@\n-{HOSTILE}\n+{HOSTILE}\n", "utf-8")
        return Result(summary=HOSTILE, patch=name)

    async def close(self) -> None:
        """Nothing to let go of."""


def _hostile(_: Settings) -> Agent:
    return _Hostile()


def test_hostile_text_is_only_ever_text(settings: Settings) -> None:
    """What a user, a file name, an agent or an error says is shown as it is, and never becomes markup."""
    card = AgentCard(name="a", capabilities=(HOSTILE,))

    async def story() -> None:
        async with open_site(settings, Declared(card, _hostile)) as site:
            ids = await site.yard.hand_in(1, title=HOSTILE)
            ids += await site.yard.hand_in(1, title=f"fail {HOSTILE}", max_attempts=1)
            tasks = await site.yard.ended(ids)
            await site.yard.client.operator.write_to("a", HOSTILE, kind="<b>")
            Notes(settings.home_path / "notes", SystemClock(), keep_days=1).add(
                site.yard.client.place, HOSTILE, author=HOSTILE
            )
            keep(keep_of(hostile(HOSTILE), read_prices()), folder_of(settings.home_path, "x"))
            split = [f"/tasks/{one}?view=split" for one in ids]
            shown = 0
            for path in [*pages(*ids, run=tasks[0].run), f"/tasks?q={HOSTILE}", *split]:
                for more in ({}, {"HX-Request": "true"}):
                    answer = await site.get(path, **more)
                    assert answer.status_code == 200, (path, answer.text)
                    assert "<script>" not in answer.text, path
                    assert "<img" not in answer.text, path
                    assert "'49" not in html.unescape(answer.text), f"{path}: what was said was worked out"
                    shown += answer.text.count("&lt;script&gt;alert(1)")
            assert shown > 10, "nothing hostile was shown: the test proves nothing"

    run(story())


def test_empty_pages_say_what_to_do_first(settings: Settings) -> None:
    """Where there is nothing yet, the page says how there will be something."""

    async def story() -> None:
        async with open_site(settings) as site:
            assert "Hand in the first job" in (await site.get("/tasks")).text
            assert "No task is like that" in (await site.get("/tasks?state=dead")).text
            assert "Nothing is stuck" in (await site.get("/problems")).text
            assert "Nothing waits" in (await site.get("/queue")).text
            assert "Nothing was written" in (await site.get("/messages")).text
            assert "No file is held" in (await site.get("/files")).text
            assert "No model was called" in (await site.get("/costs")).text
            assert "Nothing is measured while nobody looks" in (await site.get("/resources")).text
            assert "No scorecard is kept here" in (await site.get("/scorecard")).text

    run(story())


def test_the_newest_scorecard_is_shown_and_told(settings: Settings) -> None:
    """With its bars and verdicts; one that was spoilt says so, and the page is there all the same."""
    folder = folder_of(settings.home_path, "x")

    async def story() -> None:
        async with open_site(settings) as site:
            assert (await site.get("/api/scorecard")).status_code == 404
            keep(keep_of(measuring(), read_prices()), folder)
            shown = (await site.get("/scorecard")).text
            assert shown.count("<svg") > 3
            assert "FAIL" in shown
            told = (await site.get("/api/scorecard")).json()
            assert (told["kind"], len(told["boxes"]), "samples" in told) == ("quick", 7, False)
            (folder / "scorecard.json").write_bytes(b"{")
            assert "is no scorecard" in (await site.get("/scorecard")).text
            assert "is no scorecard" in (await site.get("/api/scorecard")).text

    run(story())


def test_agents_are_a_part_of_a_page_unless_json_is_accepted(settings: Settings) -> None:
    """`/api/agents` is HTML for whoever takes anything, and JSON by Accept; a cache keeps the two apart."""

    async def story() -> None:
        async with open_site(settings) as site:
            for accept in ("*/*", "text/html", ""):
                shown = await site.get("/api/agents", Accept=accept)
                assert shown.headers["content-type"].startswith("text/html")
                assert "<table" in shown.text
                assert "<html" not in shown.text
                assert "accept" in shown.headers["vary"]
            told = await site.get("/api/agents", Accept="application/json")
            assert [row["name"] for row in told.json()["agents"]] == ["a"]
            assert "accept" in told.headers["vary"]

    run(story())


def test_dead_tasks_are_shown_by_reason_and_tried_again(settings: Settings) -> None:
    """The page of the queue has a button with the ids of all that died of the same."""

    async def fail(claim: Claim, context: Context) -> Result:
        raise TaskFailed(f"shard {claim.fence} is away")

    async def story() -> None:
        async with open_site(settings, agent(fail)) as site:
            ids = await site.yard.hand_in(3, max_attempts=1)
            await site.yard.ended(ids)
            text = (await site.get("/queue")).text
            body = re.search(r'data-post="/api/tasks/retry" data-body="([^"]+)"', text)
            assert body is not None
            assert sorted(msgspec.json.decode(html.unescape(body[1]))["ids"]) == sorted(ids)
            assert "Try all 3 again" in text

    run(story())


def test_a_run_is_shown_with_its_tasks(settings: Settings) -> None:
    """Each leads to its page; a task leads back to the run; one that is nobody's is 404."""

    async def story() -> None:
        async with open_site(settings) as site:
            tasks = await site.yard.ended(await site.yard.hand_in(2))
            text = (await site.get(f"/runs/{tasks[0].run}")).text
            assert all(f"/tasks/{task.id}" in text for task in tasks)
            assert f"/runs/{tasks[0].run}" in (await site.get(f"/tasks/{tasks[0].id}")).text
            assert (await site.get(f"/runs/{tasks[0].id}")).status_code == 404

    run(story())


def test_the_live_part_is_sent_alone_and_only_when_it_changed(settings: Settings) -> None:
    """A page that is told of something reads its live part again, which is 304 while nothing in it moved."""

    async def story() -> None:
        async with open_site(settings) as site:
            whole, part = await site.get("/tasks"), await site.get("/tasks", **{"HX-Request": "true"})
            assert "<html" in whole.text
            assert "<html" not in part.text
            again = await site.get("/tasks", **{"HX-Request": "true", "If-None-Match": part.headers["etag"]})
            assert again.status_code == 304
            await site.yard.ended(await site.yard.hand_in(1, title="seen"))
            moved = await site.get("/tasks", **{"HX-Request": "true", "If-None-Match": part.headers["etag"]})
            assert moved.status_code == 200
            assert "seen" in moved.text

    run(story())


def test_resources_are_lines_as_soon_as_they_were_looked_at_twice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page measures when it is read, asks to be read again as it goes on, and tells who runs and what is held."""
    monkeypatch.setattr(resources, "_FRESH_S", 0.0)

    async def story() -> None:
        async with open_site(settings) as site:
            await site.yard.ended(await site.yard.hand_in(3))
            first = (await site.get("/resources")).text
            assert " data-steady" in first
            assert first.count("nothing is known yet") == 2
            second = (await site.get("/resources?minutes=5", **{"HX-Request": "true"})).text
            assert (second.count("<polyline"), second.count("nothing is known yet")) == (6, 0)
            assert "Nothing is measured" not in second
            assert re.search(r'<code>t:</code></th><td class="number">3</td>', second)
            assert (await site.get("/resources?minutes=0")).status_code == 422
            if sys.platform == "linux":
                assert re.search(rf'<td class="number">{os.getpid()}</td>', second)

    run(story())


def test_the_first_page_weighs_little(settings: Settings) -> None:
    """At most 40 KB on the wire, in at most six requests, of which all but the page stay in the cache for ever."""

    async def story() -> None:
        async with open_site(settings) as site:
            page = await site.get("/")
            files = _ADDRESSES.findall(page.text)
            assert len(files) + 1 <= 6
            size = 0
            for address in ("/", *files):
                async with site.http.stream("GET", address) as answer:
                    assert answer.status_code == 200
                    size += sum([len(piece) async for piece in answer.aiter_raw()])
                    if address != "/":
                        assert "immutable" in answer.headers["cache-control"]
                        same = await site.get(address, **{"If-None-Match": answer.headers["etag"]})
                        assert same.status_code == 304
            assert size <= 40_000

    run(story())


def test_no_page_has_a_script_or_a_style_in_it(settings: Settings) -> None:
    """The policy lets none run, so one that is needed would be missing."""

    async def story() -> None:
        async with open_site(settings) as site:
            ids = await site.yard.hand_in(1)
            tasks = await site.yard.ended(ids)
            for path in pages(*ids, run=tasks[0].run):
                text = (await site.get(path)).text
                assert not re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), path
                assert not re.findall(r'(?:src|href)="(?:https?:)?//', text), path

    run(story())


def test_who_may_only_look_is_offered_nothing_else(settings: Settings) -> None:
    """Buttons that the API would refuse are not there, nor is the page where jobs are handed in."""

    async def story() -> None:
        async with open_site(settings) as site:
            ids = await site.yard.hand_in(1)
            tasks = await site.yard.ended(ids)
            assert "data-post" in (await site.get(f"/tasks/{ids[0]}")).text.partition("<main")[2]
            await site.enter(Role.READ)
            for path in pages(*ids, run=tasks[0].run):
                if path != "/new":
                    body = (await site.get(path)).text.partition("<main")[2].partition("</main")[0]
                    assert "data-post" not in body, path
                    assert "data-form" not in body, path
            assert (await site.get("/new")).status_code == 403

    run(story())


def test_a_person_is_refused_on_a_page(settings: Settings) -> None:
    """Whoever comes without a session, or to a task that is nobody's, reads what to do; a program gets JSON."""

    async def story() -> None:
        async with open_site(settings) as site:
            wrong = await site.get(f"/tasks/{'0' * 18}", Accept="text/html")
            assert (wrong.status_code, wrong.headers["content-type"].partition(";")[0]) == (404, "text/html")
            assert "`ez tasks` lists those there are" in wrong.text
            site.http.cookies.clear()
            for accept, kind in (("text/html,*/*", "text/html"), ("*/*", "application/problem+json")):
                answer = await site.get("/", Accept=accept)
                assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (401, kind)
                assert "ez open" in answer.text
            hostile = await site.get("/enter?code=<script>", Accept="text/html")
            assert (hostile.status_code, "<script>" in hostile.text) == (403, False)

    run(story())


def test_pages_need_a_session_and_files_do_not(settings: Settings) -> None:
    """Without one, every page is refused; the files of pages hold nothing of the fleet."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.http.cookies.clear()
            for route in PAGES:
                answer = await site.get(route.path.replace("{id}", "0" * 18).replace("{name}", "nothing.css"))
                assert answer.status_code == (404 if route.role is None else 401), route.path

    run(story())


def test_a_page_of_tasks_leads_to_the_next(settings: Settings) -> None:
    """Every task is on one page or another, in the order of the list."""

    async def story() -> None:
        async with open_site(settings) as site:
            ids = await site.yard.hand_in(120)
            await site.yard.ended(ids)
            seen: list[str] = []
            path = "/tasks"
            for _ in range(10):
                text = (await site.get(path)).text
                seen += re.findall(r'href="/tasks/(\w{18})"', text)
                following = re.search(r'href="(/tasks\?[^"]+)" rel="next"', text)
                if following is None:
                    break
                path = following[1].replace("&amp;", "&")
            assert sorted(seen) == sorted(ids)

    run(story())


def test_wrong_addresses_are_refused_in_words(settings: Settings) -> None:
    """Not with a traceback, whatever is asked for."""

    async def story() -> None:
        async with open_site(settings) as site:
            for path, status in {
                "/tasks/nothing": 422, f"/tasks/{'0' * 18}": 404, "/tasks?state=x": 422, "/tasks?cursor=x": 422,
                "/nowhere": 404, "/static/../../token": 404, "/static/htmx.js": 404,
            }.items():  # fmt: skip
                answer = await site.get(path)
                assert answer.status_code == status, path
                assert answer.json()["detail"], path

    run(story())


def test_a_task_is_shown_while_it_is_at_work(settings: Settings) -> None:
    """Its page and the fleet's say that it runs, and offer to cancel it."""
    settings = msgspec.structs.replace(settings, grace_s=0)

    async def wait(claim: Claim, context: Context) -> Result:
        await asyncio.sleep(3600)
        return Result()

    async def story() -> None:
        async with open_site(settings, agent(wait)) as site:
            ids = await site.yard.hand_in(1, title="long one")

            async def runs() -> bool:
                return "long one" in (await site.get("/")).text

            await until(runs)
            assert "Cancel" in (await site.get(f"/tasks/{ids[0]}")).text

    run(story())


@pytest.mark.parametrize("name", ["site.js", "style.css", "icon.svg"])
def test_every_file_is_in_the_package(name: str) -> None:
    """Also in a wheel; what is sent as one holds all of its parts."""
    from ezaigents.dashboard import assets

    folder = Path(assets.__file__).parent / "static"
    sent = assets.assets()[assets.address_of_asset(name).removeprefix("/static/")]
    parts = {"site.js": ("htmx.js", "app.js")}.get(name, (name,))
    assert all((folder / part).read_bytes() in sent.plain for part in parts)
    assert gzip.decompress(sent.packed) == sent.plain
