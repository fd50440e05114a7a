"""What is looked at besides tasks: the queue, messages, notes, costs, files, settings, keys; and many tasks at once."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import msgspec
import pytest
from tests.integration.api.site import JOB, open_site
from tests.integration.runtime.fleets import agent
from tests.leaks import run, until

from ezaigents.access import Role
from ezaigents.agents import Context, TaskFailed
from ezaigents.budget import Budget, HoldName, Limits
from ezaigents.records import Claim, Result, Usage
from ezaigents.settings import Settings

PLENTY = 10**12


def test_the_queue_tells_what_waits_and_what_died_of_what(settings: Settings) -> None:
    """Depth and age by agent; the dead by reason, numbers and ids apart; all of one reason are tried again at once."""
    broken = True

    async def do(claim: Claim, context: Context) -> Result:
        if broken:
            raise TaskFailed(f"no reply from shard {len(claim.id)} of task {claim.id} after {claim.fence} s")
        return Result(summary="well")

    async def story() -> None:
        nonlocal broken
        async with open_site(settings, agent(do)) as site:
            for name in "abc":
                site.write(f"{name}.py")
            rows = await site.finish(max_attempts=1)
            found = (await site.get("/api/queue")).json()
            (reason,) = found["dead"]
            assert reason["reason"].startswith("no reply from shard")
            dead = len(rows)
            assert (len(reason["ids"]), reason["agents"], found["queue"]["dead"]) == (dead, ["a"], dead)
            await site.post("/api/agents/pause", {})
            broken = False
            answer = (await site.post("/api/tasks/retry", {"ids": [*reason["ids"], reason["ids"][0]]})).json()
            assert answer == {"counts": {"OK": dead}, "refused": []}
            waiting = (await site.get("/api/queue")).json()
            (lane,) = waiting["lanes"]
            assert (lane["agent"], lane["waiting"], lane["paused"], waiting["dead"]) == ("a", dead, True, [])
            assert 0 < lane["oldest_ms"] <= waiting["now_ms"]
            again = (await site.post("/api/tasks/retry", {"ids": ["0" * 18]})).json()
            assert again["refused"] == ["0" * 18]
            gone = (await site.post("/api/tasks/cancel", {"ids": reason["ids"]})).json()
            assert gone["counts"] == {"OK": dead}

    run(story())


def test_lists_of_ids_are_checked(settings: Settings) -> None:
    """None, too many, and what is no id, is 422 and does nothing."""

    async def story() -> None:
        async with open_site(settings) as site:
            for ids in ([], ["x"], ["0" * 18] * 1001, "0" * 18, None):
                for path in ("/api/tasks/retry", "/api/tasks/cancel"):
                    assert (await site.post(path, {"ids": ids})).status_code == 422, (path, ids)
            unknown = (await site.post("/api/tasks/cancel", {"ids": ["0" * 18]})).json()
            assert unknown["refused"] == ["0" * 18]

    run(story())


def test_everything_is_stopped(settings: Settings) -> None:
    """Running tasks are handed back, everybody is paused, and nothing is lost."""
    began = asyncio.Event()

    async def do(claim: Claim, context: Context) -> Result:
        began.set()
        await asyncio.sleep(600)
        return Result()

    async def story() -> None:
        async with open_site(settings, agent(do)) as site:
            site.write("a.py")
            (task, *_) = await site.hand_in()
            await asyncio.wait_for(began.wait(), 20)
            halted = (await site.post("/api/stop", {})).json()
            assert (halted["handed_back"], halted["left"]) == (1, [])
            assert (await site.get(f"/api/tasks/{task['id']}")).json()["state"] == "ready"
            assert (await site.get("/api/status")).json()["queue"]["leased"] == 0

    run(story())


def test_messages_are_written_and_read(settings: Settings) -> None:
    """What is written to an agent is seen by whoever looks; an address nobody has is refused."""

    async def story() -> None:
        async with open_site(settings) as site:
            sent = await site.post("/api/messages", {"to": "a", "text": "<b>mind</b> the gap"})
            assert (sent.status_code, "sent to a" in sent.json()["sent"][0]) == (201, True)
            rows = (await site.get("/api/messages?agent=a")).json()["messages"]
            assert [(row["to"], row["sender"], row["data"]) for row in rows] == [("a", "user", "<b>mind</b> the gap")]
            for body in ({"to": "nobody", "text": "x"}, {"to": "", "text": "x"}, {"to": "a", "text": ""}):
                assert (await site.post("/api/messages", body)).status_code == 422
            assert (await site.get("/api/messages?agent=nobody")).status_code == 422
            reader = site.give(Role.READ)
            assert (await site.post("/api/messages", {"to": "a", "text": "x"}, token=reader)).status_code == 403

    run(story())


def test_notes_are_written_changed_and_forgotten(settings: Settings) -> None:
    """As by `ez notes`; one that is not there is refused."""

    async def story() -> None:
        async with open_site(settings) as site:
            made = (await site.post("/api/notes", {"text": "tests need Redis"})).json()
            path = f"/api/notes/{made['id']}"
            assert (await site.post(path, {"text": "tests need Valkey", "pinned": True})).json()["pinned"]
            (note,) = (await site.get("/api/notes")).json()["notes"]
            assert (note["text"], note["author"]) == ("tests need Valkey", "user")
            assert (await site.post(path, {})).status_code == 422
            assert (await site.post(path, {"pinned": None})).status_code == 422
            assert (await site.get("/api/notes")).json()["notes"][0]["pinned"]
            assert (await site.post(path, {"pinned": False})).status_code == 200
            assert (await site.post(f"{path}/remove", {})).status_code == 200
            assert (await site.get("/api/notes")).json()["notes"] == []
            assert (await site.post(f"{path}/remove", {})).status_code == 422
            assert (await site.post("/api/notes", {"text": "x" * 501})).status_code == 422

    run(story())


def test_costs_are_told_by_day_agent_and_model(settings: Settings) -> None:
    """What was settled is there, real and simulated apart, with what is left of each limit."""

    async def story() -> None:
        async with open_site(settings) as site:
            limits = Limits(task=PLENTY, agent=2_000, day=5_000, total=PLENTY)
            budget = Budget(site.yard.client.queue, settings.home_path)
            for number, (name, model, simulated) in enumerate(
                (("a", "openai:x", False), ("a", "openai:y", False), ("b", "openai:x", False), ("a", "openai:x", True))
            ):
                hold = HoldName("t", number, 0, 0)
                await budget.reserve(
                    hold, agent=name, run="", amount=500, least=1, limits=limits, ttl_s=60, model=model,
                    simulated=simulated,
                )  # fmt: skip
                await budget.settle(hold, 300, Usage(input=70, output=30))
            told = (await site.get("/api/costs?days=7")).json()
            (day, sim_day) = told["days"]
            assert (day["spent_microusd"], day["calls"], day["input_tokens"], day["output_tokens"]) == (900, 3, 210, 90)
            assert (sim_day["spent_microusd"], sim_day["simulated"]) == (300, True)
            spent = {
                (sort, row["name"], row["simulated"]): row["spent_microusd"]
                for sort in ("agents", "models")
                for row in told[sort]
            }
            assert spent == {
                ("agents", "a", False): 600, ("agents", "b", False): 300, ("agents", "a", True): 300,
                ("models", "openai:x", False): 600, ("models", "openai:y", False): 300,
                ("models", "openai:x", True): 300,
            }  # fmt: skip
            left = {row["scope"]: row["left_microusd"] for row in told["limits"] if not row["simulated"]}
            assert left["agent:a"] == 1_400
            assert left["day"] == 4_100
            for days in ("0", "367", "x", "-1"):
                assert (await site.get(f"/api/costs?days={days}")).status_code == 422

    run(story())


def test_what_models_cost_and_a_job_may_cost(settings: Settings) -> None:
    """Prices are listed with their source; a forecast hands nothing in, and refuses what the job would be."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            assert all(row["price"]["model"] for row in (await site.get("/api/prices")).json()["prices"])
            told = (await site.post("/api/forecast", JOB, token=site.give(Role.READ))).json()
            assert told == {"agent": "a", "why": "", "simulated": False, "forecast": None, "needs_yes": False}
            assert (await site.post("/api/forecast", JOB | {"paths": ["gone"]})).status_code == 422
            assert (await site.get("/api/tasks")).json()["tasks"] == []

    run(story())


def test_a_folder_is_listed_and_none_outside(settings: Settings, tmp_path: Path) -> None:
    """Folders and files by name, ignored ones left out; nothing above, behind a link that leads out, or of ours."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")

    async def story() -> None:
        async with open_site(settings) as site:
            root = settings.workspace_path
            (root / "src" / "deep").mkdir(parents=True)
            (root / "src" / "a.py").write_text("12345")
            (root / "junk.log").write_text("x")
            (root / ".gitignore").write_text("*.log\n")
            (root / "way out").symlink_to(outside)
            os.mkfifo(root / "fifo")
            top = (await site.get("/api/files")).json()
            assert (top["path"], "src" in top["folders"]) == ("", True)
            names = {row["path"] for row in top["files"]}
            assert ".gitignore" in names
            assert names.isdisjoint({"junk.log", "fifo", "way out"})
            src = (await site.get("/api/files", params={"path": "src"})).json()
            assert (src["folders"], src["files"]) == (["src/deep"], [{"path": "src/a.py", "size_bytes": 5}])
            home = os.path.relpath(settings.home, root)
            for path in ("..", "/etc", "way out", home, "gone", "src/a.py", "fifo", "a\0b", "src/../../outside"):
                answer = await site.get("/api/files", params={"path": path})
                assert answer.status_code in (409, 422), path
                assert "secret" not in answer.text

    run(story())


def test_settings_and_keys_are_told_without_secrets(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is present or not, and where it is from; no answer holds any part of it, nor a password of the engine."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-1234567890")

    async def story() -> None:
        async with open_site(settings) as site:
            keys = {row["provider"]: row for row in (await site.get("/api/keys")).json()["keys"]}
            assert (keys["openai"]["present"], keys["anthropic"]["present"]) == (True, False)
            assert keys["openai"]["sources"]
            rows = {row["name"]: row for row in (await site.get("/api/settings")).json()["settings"]}
            assert list(rows) == list(Settings.__struct_fields__)
            assert rows["lease_s"]["is_default"] == (settings.lease_s == Settings().lease_s)
            for path in ("/api/keys", "/api/settings", "/api/agents", "/api/status"):
                assert "canary" not in (await site.get(path)).text

    run(story())


def test_tasks_at_the_same_file_are_told(settings: Settings) -> None:
    """A file that one task changes and another reads is told with both; one that both only read is not."""
    go = asyncio.Event()
    came: list[str] = []

    async def do(claim: Claim, context: Context) -> Result:
        came.append(claim.id)
        context.files.read("b.py")
        if len(came) == 1:
            await context.means_to_change("a.py")
        else:
            context.files.read("a.py")
            await context.means_to_change()  # what was read is told too
        await go.wait()
        return Result()

    async def story() -> None:
        async with open_site(settings, agent(do, slots=2)) as site:
            site.write("a.py")
            site.write("b.py")
            await site.hand_in(paths=["a.py"])
            await site.hand_in(paths=["a.py"])

            async def shared() -> list[str]:
                return [row["path"] for row in (await site.get("/api/overlaps")).json()["files"]]

            while await shared() != ["a.py"]:
                await asyncio.sleep(0.02)
            go.set()
            await until(lambda: site.yard.fleet.host.running == 0)

    run(story())


def test_urls_lose_their_passwords() -> None:
    """Whatever stands before the last @ of the authority, and the query."""
    from ezaigents.client.configuration import setting_rows, without_password

    assert without_password("rediss://user:p@ss@host:1/2?password=x") == "rediss://host:1/2"
    rows = setting_rows(msgspec.structs.replace(Settings(), redis_url="redis://u:canary@h:1/0"))
    assert "canary" not in json.dumps(msgspec.to_builtins(rows))


def test_a_patch_and_a_report_are_read(settings: Settings) -> None:
    """As text, whole; a task without one is 404, and a link in its place is not followed."""

    async def do(claim: Claim, context: Context) -> Result:
        folder = context.task_folder()
        (folder / "report.md").write_text("# Found <b>\n")
        (folder / "patch.diff").write_bytes(b"diff --git a/a.py b/a.py\n\xff\n")
        name = str((folder / "report.md").relative_to(context.settings.home_path))
        if claim.title == "without":
            return Result()
        if claim.title == "link":
            (folder / "report.md").unlink()
            (folder / "report.md").symlink_to("/etc/passwd")
        return Result(report=name, patch=name.replace("report.md", "patch.diff"))

    async def story() -> None:
        async with open_site(settings, agent(do)) as site:
            made = [(await site.yard.hand_in(1, title=title))[0] for title in ("with", "without", "link")]
            await site.yard.ended(made)
            report = await site.get(f"/api/tasks/{made[0]}/report")
            assert (report.text, report.headers["content-type"]) == ("# Found <b>\n", "text/markdown; charset=utf-8")
            assert (await site.get(f"/api/tasks/{made[0]}/patch")).content == b"diff --git a/a.py b/a.py\n\xff\n"
            for path in (f"{made[1]}/report", f"{made[1]}/patch", f"{made[2]}/report", "0" * 18 + "/patch"):
                assert (await site.get(f"/api/tasks/{path}")).status_code == 404, path

    run(story())
