"""The bridge: old producers queue, tasks are done here, old readers find the results."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.integration.legacy.fleet import NAMES, team
from tests.integration.legacy.old import Old, entry
from tests.integration.runtime.fleets import Yard
from tests.leaks import run, until

from ezaigents.agents import Context, TaskFailed
from ezaigents.errors import ConfigError
from ezaigents.home import home_id
from ezaigents.legacy import Bridge, BridgeFigures, OldServerDown, Rollback, bring_over, hold_moving
from ezaigents.records import Claim, Result, TaskState
from ezaigents.settings import Settings


@asynccontextmanager
async def bridging(old: Old, yard: Yard, *, sweep_s: float = 30.0) -> AsyncIterator[tuple[BridgeFigures, list[str]]]:
    """A bridge at work; what it did, and what it said."""
    over, said = asyncio.Event(), list[str]()
    async with old.server() as server:
        bridge = Bridge(server, yard.client, {}, say=said.append, sweep_s=sweep_s)
        working = asyncio.ensure_future(bridge.run(over))
        try:
            yield bridge.figures, said
            over.set()
            await working
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


def _noted(settings: Settings, what: str) -> str:
    return f"ez:legacy:{home_id(settings.home_path)}:{what}"


def test_what_is_queued_is_done_and_found_where_old_readers_look(old: Old, settings: Settings) -> None:
    """Plain and priority lists, every agent, todos: done at once; files, task:results and queue:tasks say so; lists and
    hashes of what is under way are empty afterwards."""
    (settings.workspace_path / "src").mkdir()
    (settings.workspace_path / "src" / "a.js").write_text("x")
    row = {"queue": "queue:gpt-4o", "task": {"id": "u-1", "status": "queued"}, "submittedAt": 1752300000000}
    old.call("HSET", "queue:tasks", "u-1", json.dumps(row, separators=(",", ":")))

    async def do(claim: Claim, context: Context) -> Result:
        folder = context.task_folder()
        (folder / "report.md").write_text(f"report on {await context.prompt()}")
        return Result(summary="well done", report=str((folder / "report.md").relative_to(settings.home_path)))

    async def story() -> None:
        async with team(settings, do) as yard, bridging(old, yard) as (figures, _):
            for lane in ("claude-3-opus", "gpt-4o", "deepseek-coder", "command-r-plus", "gemini-pro"):
                old.push(f"queue:{lane}", entry(lane, "src/a.js"))
            await until(lambda: figures.handed_over == 5)
            old.push("queue:gpt-4o:p:low", entry("later", "src/a.js", id="u-1"))
            old.push("queue:todos", b'{"id":"todo_1","description":"tidy"}')
            await until(lambda: figures.handed_over == 7)

    run(story())
    output = settings.workspace_path / "src" / "output"
    assert {path.name: path.read_text() for path in output.iterdir()} == {
        "src__a.js": "report on later",
        "test__src__a.js": "report on deepseek-coder",
        "doc__src__a.js": "report on command-r-plus",
        "gemini_analysis__src__a.js.md": "report on gemini-pro",
        "task__todo_1.md": "report on tidy",
    }
    result = json.loads(old.call("HGET", "task:results", "u-1"))
    assert (result["taskId"], result["agentType"], result["result"]) == ("u-1", "gpt", "well done")
    assert json.loads(old.call("HGET", "queue:tasks", "u-1")) == row | {"task": {"id": "u-1", "status": "completed"}}
    assert old.names() == {"task:results", "queue:tasks"}


def test_the_new_content_of_the_file_is_its_result(old: Old, settings: Settings) -> None:
    """Where the task changed the file, its new content lies in src/output."""
    (settings.workspace_path / "a.js").write_text("old\n")

    async def do(claim: Claim, context: Context) -> Result:
        read = context.files.read("a.js")
        context.files.write("a.js", b"new\n", expected=read.sha256)
        return context.propose("changed")

    async def story() -> None:
        async with team(settings, do) as yard, bridging(old, yard) as (figures, _):
            old.push("queue:gpt-4o", entry())
            await until(lambda: figures.handed_over == 1)

    run(story())
    assert (settings.workspace_path / "src" / "output" / "a.js").read_text() == "new\n"
    assert (settings.workspace_path / "a.js").read_text() == "old\n"


def test_a_result_is_never_written_outside_the_workspace(old: Old, settings: Settings) -> None:
    """Where src/output leads out over a link nothing is written, it is said, and the task is handed over; a name too
    long for a file is shortened."""
    outside = settings.workspace_path.parent / "outside"
    outside.mkdir()
    (settings.workspace_path / "src").mkdir()
    (settings.workspace_path / "src" / "output").symlink_to(outside)
    deep = "/".join(["d" * 100] * 4) + "/a.js"

    async def story() -> None:
        async with team(settings) as yard, bridging(old, yard) as (figures, said):
            old.push("queue:gpt-4o", entry())
            await until(lambda: figures.handed_over == 1)
            assert any("not where old readers look" in line for line in said)
            assert list(outside.iterdir()) == []
            (settings.workspace_path / "src" / "output").unlink()
            old.push("queue:gpt-4o", entry("p", deep))
            await until(lambda: figures.handed_over == 2)
            (written,) = (settings.workspace_path / "src" / "output").iterdir()
            assert written.name.startswith("d" * 100 + "__d")

    run(story())


def test_what_fails_and_what_cannot_be_is_told(old: Old, settings: Settings) -> None:
    """A dead task is in queue:failures; so is one that cannot be mapped, which is kept among the refused; a list of
    another type is left alone."""

    async def do(claim: Claim, context: Context) -> Result:
        raise TaskFailed("no way")

    async def story() -> None:
        old.call("SET", "queue:gemini-pro", "oops")
        async with team(settings, do) as yard, bridging(old, yard) as (figures, said):
            old.push("queue:gpt-4o", entry("p", id="x"), b"{broken", entry("p", "../../etc/passwd"))
            await until(lambda: (figures.failed, figures.refused) == (1, 2))
            assert any("queue:gemini-pro is a string" in line for line in said)

    run(story())
    failures = [json.loads(raw) for raw in old.all("queue:failures")]
    assert {(row["model"], row["task_id"] == "x", row["error"][:7]) for row in failures} >= {("gpt-4o", True, "no way")}
    assert len(failures) == 3
    assert all(set(row) == {"file", "model", "role", "agent_id", "task_id", "error", "timestamp"} for row in failures)
    refused = old.call("HVALS", _noted(settings, "refused"))
    assert {value.split(b"\n", 2)[2] for value in refused} == {b"{broken", entry("p", "../../etc/passwd")}
    assert old.call("GET", "queue:gemini-pro") == b"oops"
    assert not old.call("EXISTS", _noted(settings, "taken"), "processing:gpt-4o", "queue:gpt-4o")


def test_what_runs_shows_in_processing_and_is_not_taken_twice(old: Old, settings: Settings) -> None:
    """An entry is in the processing list while its task runs; moved back by an old agent's error path, it is not done
    again; a legitimate repeat is; an import sees that it is at work."""
    (settings.workspace_path / "a.js").write_text("x")
    go = asyncio.Event()
    began: list[str] = []

    async def do(claim: Claim, context: Context) -> Result:
        began.append(await context.prompt())
        await go.wait()
        return Result(summary="done")

    async def story() -> None:
        async with team(settings, do) as yard:
            async with bridging(old, yard) as (figures, _):
                old.push("queue:gpt-4o", entry("once"))
                await until(lambda: len(began) == 1)
                assert old.all("processing:gpt-4o") == [entry("once")]
                old.call("RPOPLPUSH", "processing:gpt-4o", "queue:gpt-4o")
                await until(lambda: old.all("processing:gpt-4o") == [entry("once")])
                old.push("queue:gpt-4o", entry("once"))
                await until(lambda: len(began) == 2)
                assert figures.taken == 2
            async with old.server() as server:
                report = await bring_over(server, yard.client, {})
            assert [(row.key, row.ours, row.tasks) for row in report.keys] == [("processing:gpt-4o", 2, 0)]
            async with bridging(old, yard) as (figures, _):
                go.set()
                await until(lambda: figures.handed_over == 2)
        assert began == ["once", "once"]
        assert old.names() == set()

    run(story())


def test_it_waits_for_either_side(old: Old, settings: Settings) -> None:
    """The old server is killed and started again, then the engine: the bridge goes on, and hears as before."""

    async def story() -> None:
        async with team(settings) as yard, bridging(old, yard) as (figures, _):
            old.push("queue:gpt-4o", entry("one"))
            await until(lambda: figures.handed_over == 1)
            old.stop()
            old.start_again()
            old.push("queue:gpt-4o", entry("two"))
            await until(lambda: figures.handed_over == 2)
            yard.kill_engine()
            old.push("queue:gpt-4o", entry("three"))
            await until(lambda: figures.handed_over == 3)

    run(story())


def test_replies_that_are_lost_lose_nothing(old: Old, settings: Settings) -> None:
    """The connection is cut again and again while producers queue: each entry is done once."""
    (settings.workspace_path / "a.js").write_text("x")
    done: Counter[str] = Counter()

    async def do(claim: Claim, context: Context) -> Result:
        done[await context.prompt()] += 1
        return Result(summary="done")

    async def story() -> None:
        async with team(settings, do) as yard, bridging(old, yard):
            for number in range(200):
                old.push("queue:gpt-4o", entry(f"n{number}"))
                if number % 5 == 0:
                    old.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                    await asyncio.sleep(0)
            await until(lambda: len(done) == 200 and old.names() == set(), 30)
            assert len(await yard.client.all_tasks()) == 200
        assert set(done.values()) == {1}

    run(story(), limit_s=60)


def test_an_old_server_that_takes_no_writes_is_waited_for(old: Old, settings: Settings) -> None:
    """While it is read-only nothing is taken, which is said once; afterwards it goes on, and hears as before."""
    old.push("queue:gpt-4o", entry("one"))
    old.call("REPLICAOF", "127.0.0.1", "1")

    async def story() -> None:
        async with team(settings) as yard, bridging(old, yard) as (figures, said):
            await until(lambda: any("READONLY" in line for line in said))
            assert figures.taken == 0
            old.call("REPLICAOF", "NO", "ONE")
            await until(lambda: figures.handed_over == 1)
            old.push("queue:gpt-4o", entry("two"))
            await until(lambda: figures.handed_over == 2)
            assert len(said) == 1

    run(story())


def test_a_full_old_server_loses_nothing(old: Old, settings: Settings) -> None:
    """A server beyond its memory limit lets entries go, whole."""
    old.push("queue:gpt-4o", *[entry(f"n{number}") for number in range(20)])
    old.call("CONFIG", "SET", "maxmemory", 1)

    async def story() -> None:
        async with team(settings) as yard, bridging(old, yard) as (figures, _):
            await until(lambda: figures.handed_over == 20)
            assert len(await yard.client.all_tasks()) == 20

    run(story())


def test_the_answer_of_taking_may_be_lost(old: Old, settings: Settings) -> None:
    """What was taken when the connection broke is found in the hash, without a new bridge."""

    async def story() -> None:
        over, lost = asyncio.Event(), list[str]()
        async with team(settings) as yard, old.server() as server:
            run_script = server.run

            async def losing(name: str, *args: Any) -> Any:
                reply = await run_script(name, *args)
                if name == "take" and reply and not lost:
                    lost.append(name)
                    raise OldServerDown("the old server stopped answering; just now")
                return reply

            server.run = losing  # type: ignore[assignment]
            bridge = Bridge(server, yard.client, {})
            working = asyncio.ensure_future(bridge.run(over))
            old.push("queue:gpt-4o", entry("one"))
            await until(lambda: bridge.figures.handed_over == 1)
            over.set()
            await working
            assert lost
            assert len(await yard.client.all_tasks()) == 1

    run(story())


def test_a_lost_hint_costs_a_sweep(old: Old, settings: Settings) -> None:
    """A server that refuses to say which keys change is looked at every second; it is said."""
    old.call("ACL", "SETUSER", "default", "-client|tracking")

    async def story() -> None:
        async with team(settings) as yard, bridging(old, yard) as (figures, said):
            await until(lambda: any("every second" in line for line in said))
            old.push("queue:gpt-4o", entry("one"))
            await until(lambda: figures.handed_over == 1)

    run(story())


def test_an_agent_that_cannot_work_gets_nothing(old: Old, settings: Settings) -> None:
    """Lists whose agent is not here, or cannot work, are left as they are, and it is said once."""

    async def story() -> None:
        async with team(settings, names=NAMES[:2]) as yard, bridging(old, yard, sweep_s=0.1) as (figures, said):
            old.push("queue:gemini-pro", entry("left"))
            old.push("queue:gpt-4o", entry("done"))
            await until(lambda: figures.handed_over == 1)
            await until(lambda: any("gemini cannot take tasks" in line for line in said))
            assert old.all("queue:gemini-pro") == [entry("left")]
            assert len([line for line in said if line.startswith("queue:gemini-pro is")]) == 1

    run(story())


def test_what_is_paused_there_waits(old: Old, settings: Settings) -> None:
    """A paused queue, and all of them after an emergency stop, are left alone until that is over, which is heard."""
    old.call("SET", "queue:gpt-4o:paused", "true")
    old.push("queue:gpt-4o", entry("paused"))

    async def story() -> None:
        async with team(settings) as yard, bridging(old, yard) as (figures, _):
            old.push("queue:claude-3-opus", entry("goes on"))
            await until(lambda: figures.handed_over == 1)
            old.call("SET", "queue:emergency_stop", "true")
            old.call("DEL", "queue:gpt-4o:paused")
            old.push("queue:deepseek", entry("stopped"))
            await asyncio.sleep(0.2)
            assert figures.taken == 1
            old.call("DEL", "queue:emergency_stop")
            await until(lambda: figures.handed_over == 3)

    run(story())


def test_only_one_moves_and_not_before_a_rollback_has_ended(old: Old, settings: Settings) -> None:
    """A second one is refused; so is a bridge while a rollback is half done."""

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            async with bridging(old, yard) as (figures, _):
                old.push("queue:gpt-4o", entry("one"))
                await until(lambda: figures.taken == 1)
            async with old.server() as server:
                rollback = Rollback(server, yard.client)

                async def cut(*args: object) -> object:
                    raise KeyboardInterrupt

                server.run = cut  # type: ignore[assignment]
                with pytest.raises(KeyboardInterrupt):
                    await rollback.go_back()
            with pytest.raises(ConfigError, match="rollback"), hold_moving(settings.home_path):
                pass
            async with old.server() as server:
                with pytest.raises(ConfigError, match="rollback"):
                    await bring_over(server, yard.client, {})
                report = await Rollback(server, yard.client).go_back()
            assert report.returned == 1
            assert old.all("queue:gpt-4o") == [entry("one")]
            (task,) = await yard.client.all_tasks()
            assert task.state is TaskState.CANCELLED
            with (
                hold_moving(settings.home_path),
                pytest.raises(ConfigError, match="another"),
                hold_moving(settings.home_path),
            ):
                pass

    run(story())
