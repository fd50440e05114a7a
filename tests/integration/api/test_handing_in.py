"""Handing in work over HTTP; and what is answered while the engine is away."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from typing import Any

import msgspec
import pytest
from tests.integration.api.site import JOB, open_site
from tests.leaks import run, until

from ezaigents.api.failing import PROBLEM
from ezaigents.api.jobs import JOBS_MOST
from ezaigents.client import client as client_file
from ezaigents.engine import Connection
from ezaigents.settings import Settings


def test_a_job_is_handed_in_and_done(settings: Settings) -> None:
    """A job is answered with 201, its run and its tasks, which are on the disk by then, and is done like any other."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py", "b.py")
            answer = await site.post("/api/tasks", {**JOB, "paths": ["a.py"], "priority": 9})
            assert answer.status_code == 201
            told = answer.json()
            assert [task["path"] for task in told["tasks"]] == ["a.py", "summary"]
            site.yard.kill_engine()
            tasks = await site.yard.ended([task["id"] for task in told["tasks"]])
            assert [(task.state, task.priority, task.run) for task in tasks] == [("done", 9, told["run"])] * 2
            assert (await site.get(f"/api/runs/{told['run']}")).json()["counts"]["done"] == 2

    run(story())


def test_a_list_of_jobs_is_handed_in_in_its_order(settings: Settings) -> None:
    """Each job of a list becomes a run, and the runs are told in the order of the list."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py", "b.py", "c.py")
            jobs = [{**JOB, "paths": [name]} for name in ("c.py", "a.py", "b.py")]
            answer = await site.post("/api/tasks", jobs)
            assert answer.status_code == 201
            runs = answer.json()["runs"]
            assert [one["tasks"][0]["path"] for one in runs] == ["c.py", "a.py", "b.py"]
            assert len({one["run"] for one in runs}) == 3

    run(story())


def test_a_list_has_a_length(settings: Settings) -> None:
    """No job and more than a hundred are refused, with the numbers, and nothing is handed in."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            for count in (0, JOBS_MOST + 1):
                answer = await site.post("/api/tasks", [JOB] * count)
                assert answer.status_code == 422
                assert answer.json()["field"] == "body"
                assert str(JOBS_MOST) in answer.json()["detail"]
            assert await site.accepted() == 0
            assert len((await site.post("/api/tasks", [JOB] * JOBS_MOST)).json()["runs"]) == JOBS_MOST

    run(story())


def test_a_wrong_job_of_a_list_is_named_by_its_place(settings: Settings) -> None:
    """`field` says which job of the list is wrong, and what of it."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            for wrong, field in (
                ({"priority": 10}, "priority"),
                ({"agent": "nobody"}, "agent"),
                ({"prompt": 5}, "prompt"),
                ({"prompt": " "}, "prompt"),
                ({"paths": ["nix"]}, "paths"),
            ):
                answer = await site.post("/api/tasks", [JOB, {**JOB, **wrong}, JOB])
                assert answer.status_code == 422
                assert answer.json()["field"] == f"[1].{field}"

    run(story())


def test_of_a_list_with_a_wrong_job_none_is_handed_in(settings: Settings) -> None:
    """An error of the input means that nothing was done, so that the list may be mended and sent again."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            for wrong in ({"priority": 10}, {"agent": "nobody"}, {"paths": ["nix"]}, {"check": "true"}):
                assert (await site.post("/api/tasks", [JOB, {**JOB, **wrong}])).status_code == 422
                assert await site.accepted() == 0

    run(story())


def test_the_same_key_is_the_same_run(settings: Settings) -> None:
    """A job sent twice under one Idempotency-Key, or one `key`, is one run, also as a list; another body is a
    conflict.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            for body, headers in (
                (JOB, {"idempotency-key": "once"}),
                ({**JOB, "key": "mine"}, {}),
                ([JOB, {**JOB, "priority": 6}], {"idempotency-key": "twice"}),
            ):
                first = await site.post("/api/tasks", body, headers=headers)
                before = await site.accepted()
                again = await site.post("/api/tasks", body, headers=headers)
                assert (first.status_code, again.status_code) == (201, 201)
                assert _runs(first.json()) == _runs(again.json())
                assert await site.accepted() == before
            other = await site.post("/api/tasks", {**JOB, "priority": 1}, headers={"idempotency-key": "once"})
            assert other.status_code == 409
            assert other.headers["content-type"] == PROBLEM
            assert await site.accepted() == before

    run(story())


def _runs(told: dict[str, Any]) -> list[str]:
    return [one["run"] for one in told.get("runs", [told])]


def test_without_a_key_each_job_is_another(settings: Settings) -> None:
    """What is sent twice without a key is done twice."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            runs = {(await site.post("/api/tasks", JOB)).json()["run"] for _ in range(3)}
            assert len(runs) == 3

    run(story())


def test_a_full_queue_says_so(settings: Settings) -> None:
    """Beyond the limit of open tasks it is 503, and a program may try again later."""

    async def story() -> None:
        async with open_site(settings, queue_max_open=1) as site:
            site.write("a.py")
            answer = await site.post("/api/tasks", JOB)
            assert answer.status_code == 503
            assert "retry-after" in answer.headers
            assert await site.accepted() == 0

    run(story())


def test_a_list_that_does_not_fit_is_refused_whole(settings: Settings) -> None:
    """Where a list would fill the queue none of its jobs is taken, so that all of it may be sent again."""

    async def story() -> None:
        async with open_site(settings, queue_max_open=5) as site:
            site.write("a.py")
            answer = await site.post("/api/tasks", [JOB] * 3)
            assert answer.status_code == 503
            assert await site.accepted() == 0

    run(story())


def test_a_key_of_a_list_that_was_used_is_named_by_its_place(settings: Settings) -> None:
    """A key with another body refuses the whole list, and the answer says which job it is."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            await site.finish(key="used")
            before = await site.accepted()
            answer = await site.post("/api/tasks", [{**JOB, "key": "new"}, {**JOB, "key": "used", "priority": 1}])
            assert answer.status_code == 409
            assert answer.json()["field"] == "[1].key"
            assert await site.accepted() == before

    run(story())


def test_tasks_are_told_in_the_state_in_which_they_were_accepted(settings: Settings) -> None:
    """Ready, delayed or blocked at first; and as they are now where the same job is handed in again."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            assert [row["state"] for row in await site.hand_in(delay_s=500)] == ["delayed", "blocked"]
            assert [row["state"] for row in await site.hand_in()] == ["ready", "blocked"]
            rows = await site.finish(key="mine")
            again = await site.hand_in(key="mine")
            assert [row["state"] for row in again] == ["done", "done"]
            assert [row["id"] for row in again] == [row["id"] for row in rows]

    run(story())


def test_a_run_of_many_tasks_is_told_whole(settings: Settings) -> None:
    """A job of more tasks than one call of the queue takes is answered like any other."""

    async def story() -> None:
        async with open_site(settings) as site:
            site.write(*(f"{number:03}.py" for number in range(120)))
            rows = await site.hand_in(delay_s=500)
            assert [row["path"] for row in rows] == [*(f"{number:03}.py" for number in range(120)), "summary"]
            assert {row["state"] for row in rows[:-1]} == {"delayed"}

    run(story())


def test_a_file_is_in_the_job_that_follows_it(settings: Settings) -> None:
    """Nothing of the workspace is kept from one request to the next: what was just written is worked on."""

    async def story() -> None:
        async with open_site(settings) as site:
            for number in range(3):
                site.write(f"{number}.py")
                assert len(await site.hand_in(delay_s=500)) == number + 2

    run(story())


# -- while the engine is away --------------------------------------------------------------------------------------


def test_while_the_engine_is_away_programs_are_told_to_come_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading and handing in are 503 with Retry-After; health is 503 at once; then all is as before."""
    monkeypatch.setattr(client_file, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(client_file, "Connection", partial(Connection, timeout_s=0.3))

    async def story() -> None:
        async with open_site(msgspec.structs.replace(settings, lease_s=20.0, renew_s=5.0)) as site:
            site.write("a.py")
            rows = await site.finish()
            site.yard.kill_engine(signal.SIGSTOP)
            try:
                answers = await asyncio.gather(
                    site.get("/api/tasks"), site.get(f"/api/tasks/{rows[0]['id']}"), site.post("/api/tasks", JOB)
                )
                for answer in answers:
                    assert answer.status_code == 503
                    assert int(answer.headers["retry-after"]) > 0
                    assert answer.headers["content-type"] == PROBLEM

                async def is_told() -> bool:
                    return bool((await site.get("/api/health", token="")).json() == {"ok": False})

                await until(is_told)
                told = await site.get("/api/health")
                assert told.status_code == 503
                assert (told.json()["ok"], told.json()["alive"], told.json()["ready"]) == (False, True, False)
                assert told.json()["why"]
                assert (await site.get("/api/me")).status_code == 200
            finally:
                site.yard.kill_engine(signal.SIGCONT)

            async def well() -> bool:
                return (await site.get("/api/health")).status_code == 200

            await until(well)
            assert (await site.get(f"/api/tasks/{rows[0]['id']}")).json()["state"] == "done"
            await site.finish()

    run(story())


def test_an_engine_that_dies_is_back_before_anybody_must_know(settings: Settings) -> None:
    """Requests while it is killed are answered, or are 503 with Retry-After; what was answered 201 is there
    afterwards.
    """

    async def story() -> None:
        async with open_site(settings) as site:
            site.write("a.py")
            taken: list[str] = []
            for number in range(12):
                if number % 4 == 1:
                    site.yard.kill_engine()
                answer = await site.post("/api/tasks", JOB)
                if answer.status_code == 201:
                    taken += [task["id"] for task in answer.json()["tasks"]]
                else:
                    assert answer.status_code == 503
                    assert "retry-after" in answer.headers
            assert len(taken) >= 2
            tasks = await site.yard.ended(taken)
            assert [task.state for task in tasks] == ["done"] * len(taken)

    run(story())
