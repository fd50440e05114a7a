"""Looking at work over HTTP, and steering it."""

from __future__ import annotations

import re
from typing import Any

from tests.integration.api.site import open_site
from tests.integration.runtime.fleets import Bench, agent
from tests.leaks import run, until

from ezaigents.access import Role
from ezaigents.agents import Context, NeedsApproval, TaskFailed
from ezaigents.audit import verify
from ezaigents.records import Claim, Result
from ezaigents.settings import Settings

UNKNOWN = "0" * 18
MALFORMED = ("x", "0" * 17, "0" * 19, "u" * 18, "%00", "%C3%A4", "..", "%2e%2e", "0" * 17 + "%2f", "x" * 2000)


# -- looking -------------------------------------------------------------------------------------------------------


def test_tasks_are_listed_a_page_at_a_time(settings: Settings) -> None:
    """Following `next` to its end shows every task once; the last page has no `next`."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            ids = {row["id"] for _ in range(5) for row in await site.finish()}
            found: list[str] = []
            cursor = ""
            for _ in range(20):
                answer = await site.get(
                    "/api/tasks", params={"limit": "3", "cursor": cursor} if cursor else {"limit": "3"}
                )
                page = answer.json()
                assert len(page["tasks"]) <= 3
                found += [task["id"] for task in page["tasks"]]
                cursor = page["next"]
                if not cursor:
                    break
            assert sorted(found) == sorted(ids)

    run(story())


def test_a_list_shows_what_is_asked_for(settings: Settings) -> None:
    """State, agent, kind, text, patch and asking choose; several states are either of them."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            rows = await site.finish()
            later = await site.hand_in(delay_s=3600)
            ids = {row["id"] for row in rows}
            summary = rows[-1]["id"]
            for query, expected in (
                ("state=done", ids),
                ("state=dead", set()),
                ("state=dead&state=done", ids),
                ("state=delayed", {later[0]["id"]}),
                ("agent=a&state=done", ids),
                ("agent=b", set()),
                ("kind=analyze&state=done", ids),
                ("kind=edit", set()),
                (f"q={summary}", {summary}),
                ("q=SUMMARY&state=done", {summary}),
                ("patch=none&state=done", ids),
                ("patch=applied", set()),
                ("asks=true", set()),
                ("asks=false&state=done", ids),
            ):
                answer = await site.get(f"/api/tasks?{query}")
                assert {task["id"] for task in answer.json()["tasks"]} == expected, query

    run(story())


def test_a_question_that_cannot_be_is_refused_with_its_field(settings: Settings) -> None:
    """A parameter that takes something else is 422, names itself, and says what it takes."""

    async def story() -> None:
        async with open_site(settings) as site:
            for query, field in (
                ("state=zzz", "state"),
                ("state=done&state=zzz", "state"),
                ("kind=%F0%9F%98%80", "kind"),
                ("patch=x", "patch"),
                ("asks=1", "asks"),
                ("limit=0", "limit"),
                ("limit=501", "limit"),
                ("limit=-1", "limit"),
                ("limit=1.0", "limit"),
                ("limit=%C2%B2", "limit"),
                ("limit=" + "9" * 5000, "limit"),
                ("q=" + "x" * 201, "q"),
                ("q=" + "x" * 20_000, "q"),
                ("cursor=zzz", "cursor"),
                ("cursor=%ff%00", "cursor"),
                ("cursor=" + "W1tbW1tb" * 1000, "cursor"),
                ("cursor=WzksIiIsMSwiMDAwMDAwMDAwMDAwMDAwMDAwIl0", "cursor"),
            ):
                answer = await site.get(f"/api/tasks?{query}")
                assert answer.status_code == 422, query
                assert answer.json()["field"] == field
            for query in ("q=%00%ff", "agent=%00%0a", "unknown=1", "limit=1&limit=2", "q=" + "x" * 200):
                assert (await site.get(f"/api/tasks?{query}")).status_code == 200, query

    run(story())


def test_a_task_and_its_steps_are_shown(settings: Settings) -> None:
    """A task is shown with all that is known of it; one whose agent asks no model has no steps."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            rows = await site.finish()
            task = (await site.get(f"/api/tasks/{rows[0]['id']}")).json()
            assert (task["state"], task["summary"], task["agent"]) == ("done", "done", "a")
            assert task == (await site.get(f"/api/tasks/{rows[0]['id'].upper()}")).json()
            assert (await site.get(f"/api/tasks/{rows[0]['id']}/steps")).json() == {"steps": []}

    run(story())


def test_an_id_is_looked_at_before_it_is_looked_for(settings: Settings) -> None:
    """What has not the form of an id is 422, or no path at all; one that is nobody's is 404; on
    every route with an id.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            steer = ("cancel", "retry", "apply", "approve", "deny")
            routes = [("GET", "/api/tasks/{}"), ("GET", "/api/tasks/{}/steps"), ("GET", "/api/runs/{}")]
            routes += [("POST", f"/api/tasks/{{}}/{verb}") for verb in steer]
            for method, path in routes:
                json: dict[str, Any] | None = {} if method == "POST" else None
                answer = await site.ask(method, path.format(UNKNOWN), json)
                assert answer.status_code == 404, path
                assert UNKNOWN in answer.json()["detail"]
                for malformed in MALFORMED:
                    answer = await site.ask(method, path.format(malformed), json)
                    assert answer.status_code in (404, 405, 422), (path, malformed)
                    assert answer.status_code != 404 or malformed.startswith(("%2e", "..", "0" * 17 + "%2f")), malformed
                assert (await site.ask(method, path.format("u" * 18), json)).json()["field"] == "id"

    run(story())


def test_the_fleet_is_shown_as_on_the_command_line(settings: Settings) -> None:
    """Status, agents, problems and locks say how the fleet is."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            await site.finish()
            status = (await site.get("/api/status")).json()
            assert status["ready"]
            assert status["queue"]["done"] == 2
            agents = (await site.get("/api/agents")).json()["agents"]
            assert [(one["name"], one["state"], one["slots"]) for one in agents] == [("a", "ready", 4)]
            assert (await site.get("/api/problems")).json() == {"problems": []}
            assert (await site.get("/api/locks")).json() == {"held": [], "waiting": []}

    run(story())


def test_what_has_not_changed_is_not_sent_again(settings: Settings) -> None:
    """With the ETag of what it has, a program gets 304 without a body, until something changes."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            for path in ("/api/tasks", "/api/me", "/api/openapi.json", "/api/problems"):
                tag = (await site.get(path)).headers["etag"]
                assert re.fullmatch(r'"[0-9a-f]+"', tag)
                for given in (tag, f"W/{tag}", f'"x", {tag}'):
                    same = await site.get(path, headers={"if-none-match": given})
                    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
                    assert "no-cache" in same.headers["cache-control"]
                assert (await site.get(path, headers={"if-none-match": '"other"'})).status_code == 200
            tag = (await site.get("/api/tasks")).headers["etag"]
            await site.finish()
            answer = await site.get("/api/tasks", headers={"if-none-match": tag})
            assert answer.status_code == 200
            assert answer.headers["etag"] != tag

    run(story())


def test_an_etag_opens_nothing(settings: Settings) -> None:
    """Whoever knows the tag of an answer, and has no token, is told no more than anybody."""

    async def story() -> None:
        async with open_site(settings) as site:
            tag = (await site.get("/api/problems")).headers["etag"]
            answer = await site.get("/api/problems", token="", headers={"if-none-match": tag})
            assert answer.status_code == 401
            assert "etag" not in answer.headers

    run(story())


# -- steering ------------------------------------------------------------------------------------------------------


def test_tasks_are_cancelled(settings: Settings) -> None:
    """One that waits ends, one that runs is asked to stop, and of one that ended it is said that it had."""

    async def story() -> None:
        bench = Bench()
        async with open_site(settings, agent(bench.do)) as site:
            site.write("a.py")
            (waiting,) = await site.yard.hand_in(delay_ms=3_600_000)
            (running,) = await site.yard.hand_in()
            await until(lambda: bench.now == 1)
            for task_id, told in ((waiting, "OK"), (running, "ASKED")):
                answer = await site.post(f"/api/tasks/{task_id}/cancel")
                assert answer.json() == {"id": task_id, "answer": told}
            tasks = await site.yard.ended([waiting, running])
            assert [task.state for task in tasks] == ["cancelled", "cancelled"]
            assert (await site.post(f"/api/tasks/{waiting}/cancel")).json()["answer"] == "OK"
            bench.go.set()
            (done,) = await site.yard.hand_in()
            await site.yard.ended([done])
            assert (await site.post(f"/api/tasks/{done}/cancel")).json()["answer"] == "STALE"

    run(story())


def test_a_task_that_failed_is_tried_again(settings: Settings) -> None:
    """A dead task is revived, from where it stopped or afresh; a done one is not, and a wrong wish is refused."""

    async def do(claim: Claim, context: Context) -> Result:
        if claim.title == "fails":
            raise TaskFailed("no")
        return Result(summary="done")

    async def story() -> None:
        async with open_site(settings, agent(do)) as site:
            (dead,) = await site.yard.hand_in(title="fails", max_attempts=1)
            (done,) = await site.yard.hand_in()
            await site.yard.ended([dead, done])
            for how in ({}, {"fresh": True}):
                answer = await site.post(f"/api/tasks/{dead}/retry", how)
                assert answer.json() == {"id": dead, "answer": "OK"}
                await site.yard.ended([dead])
            assert (await site.post(f"/api/tasks/{done}/retry")).json()["answer"] == "STALE"
            for body, field in (
                ({"from_step": -1}, "from_step"),
                ({"from_step": 10**30}, "from_step"),
                ({"x": 1}, "body"),
            ):
                answer = await site.post(f"/api/tasks/{dead}/retry", body)
                assert (answer.status_code, answer.json()["field"]) == (422, field)

    run(story())


def test_a_task_without_a_patch_cannot_be_applied(settings: Settings) -> None:
    """It is a conflict with the task as it is, in words; so is one that is not done yet."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            rows = await site.finish()
            (waiting,) = await site.yard.hand_in(delay_ms=3_600_000)
            for task_id in (rows[0]["id"], waiting):
                answer = await site.post(f"/api/tasks/{task_id}/apply", {"merge": True})
                assert answer.status_code == 409
                assert task_id in answer.json()["detail"]
            assert (await site.post(f"/api/tasks/{waiting}/apply", {"merge": "yes"})).json()["field"] == "merge"
            await site.post(f"/api/tasks/{waiting}/cancel")

    run(story())


def test_what_asks_nothing_cannot_be_answered(settings: Settings) -> None:
    """A verdict on a task that asks nothing changes nothing, says so, and is not written down."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            task_id = (await site.finish())[0]["id"]
            for verb, body in (("approve", {}), ("deny", {"why": "no"})):
                answer = await site.post(f"/api/tasks/{task_id}/{verb}", body)
                assert answer.json() == {"id": task_id, "answer": "STALE"}
            assert (await site.post(f"/api/tasks/{task_id}/deny", {"why": "x" * 1001})).json()["field"] == "why"
            assert not list(settings.home_path.glob("audit/*.jsonl"))

    run(story())


def test_a_task_that_asks_goes_on_with_the_answer(settings: Settings) -> None:
    """What it asks is shown; after the verdict it goes on, and the verdict is in the audit log."""

    async def do(claim: Claim, context: Context) -> Result:
        need = NeedsApproval.about("command", "make test")
        if need.question not in claim.answers:
            raise need
        return Result(summary="done")

    async def story() -> None:
        async with open_site(settings, agent(do)) as site:
            ids = await site.yard.hand_in(2)
            for task_id, verb in zip(ids, ("approve", "deny"), strict=True):

                async def asks(task_id: str = task_id) -> bool:
                    return bool((await site.get(f"/api/tasks/{task_id}")).json()["asks"])

                await until(asks)
                listed = (await site.get("/api/tasks?asks=true")).json()["tasks"]
                assert task_id in [task["id"] for task in listed]
                answer = await site.post(f"/api/tasks/{task_id}/{verb}", {"why": "no"} if verb == "deny" else {})
                assert answer.json() == {"id": task_id, "answer": "OK"}
            tasks = await site.yard.ended(ids)
            assert [list(task.answers.values()) for task in tasks] == [["approve"], ["deny"]]
            assert verify(settings.home_path) == []
            assert len(list(settings.home_path.glob("audit/*.jsonl"))) == 1

    run(story())


def test_agents_are_paused_and_go_on(settings: Settings) -> None:
    """A paused agent takes nothing until it is resumed; nobody named means everybody; an unknown one is refused."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            for whom, paused in (({"agents": ["a"]}, ["a"]), ({}, ["*"])):
                assert (await site.post("/api/agents/pause", whom)).json() == {"paused": paused}
                rows = await site.hand_in()
                assert (await site.post("/api/agents/resume", whom)).json() == {"paused": []}
                await site.yard.ended([row["id"] for row in rows])
            for verb in ("pause", "resume"):
                for name in ("nobody", "provider:nobody", "\0", "x" * 10_000):
                    answer = await site.post(f"/api/agents/{verb}", {"agents": [name]})
                    assert answer.status_code in (404, 422), (verb, name, answer.text)
                assert (await site.post(f"/api/agents/{verb}", {"agents": "a"})).json()["field"] == "agents"
            assert not await site.yard.queue.paused()

    run(story())


def test_back_to_a_step_and_to_the_beginning_are_two_wishes(settings: Settings) -> None:
    """A retry that asks for both is refused with its field, and changes nothing."""

    async def story() -> None:
        async with open_site(settings) as site:
            (task_id,) = await site.yard.hand_in()
            await site.yard.ended([task_id])
            answer = await site.post(f"/api/tasks/{task_id}/retry", {"fresh": True, "from_step": 1})
            assert (answer.status_code, answer.json()["field"]) == (422, "from_step")

    run(story())


def test_the_audit_says_whose_token_decided(settings: Settings) -> None:
    """Of a decision over HTTP, who made it is written down: the token or session, not only whose process it was."""
    need = NeedsApproval.about("command", "make test")

    async def do(claim: Claim, context: Context) -> Result:
        if not claim.answers:
            raise need
        return Result()

    async def story() -> str:
        async with open_site(settings, agent(do)) as site:
            (task_id,) = await site.yard.hand_in()
            given = site.access.give(Role.OPERATE, "night shift")

            async def asks() -> bool:
                return (await site.yard.task(task_id)).waits_for_answer

            await until(asks)
            assert (await site.post(f"/api/tasks/{task_id}/approve", token=given.text)).status_code == 200
            await site.yard.ended([task_id])
            return f"token {given.grant.id} night shift"

    whose = run(story())
    (log,) = settings.home_path.glob("audit/*.jsonl")
    assert whose in log.read_text("utf-8")
