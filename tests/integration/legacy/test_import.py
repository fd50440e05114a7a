"""Importing, from a real Redis into a fleet at work."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from tests.integration.legacy.fleet import prompts_of, team
from tests.integration.legacy.old import Old, entry
from tests.integration.runtime.fleets import Yard
from tests.leaks import run

from ezaigents.errors import AgentUnavailable, ConfigError, InputError, QueueFull
from ezaigents.legacy import ImportReport, OldServerDown, bring_over, hold_moving, look
from ezaigents.records import TaskState
from ezaigents.settings import Settings


def _fill(old: Old) -> None:
    """One of everything that holds tasks."""
    old.push("queue:gpt-4o", entry("second"), entry("third"))
    old.push("processing:gpt-4o", *[entry("first")] * 7)
    old.push("queue:gpt-4o:p:critical", entry("urgent"))
    old.push("queue:gpt-4o:p:deferred", entry("some day"))
    old.call("HSET", "processing:queue:gpt-4o", "t1", entry("by the orchestrator", startTime=1))
    old.push("queue:command-r-plus", entry("words"))
    old.push("queue:mistral-large", entry("more words"))
    old.push("queue:todos", b'{"id":"todo_1","description":"tidy"}')
    old.push(
        "queue:todos:processing", b'{"id":"todo_2","description":"over"}', b'{"id":"todo_3","description":"begun"}'
    )
    old.push("queue:todos:completed", b'{"id":"todo_2","description":"over","done":1}')
    old.call("RPUSH", "dlq:gpt-4o", entry("had failed", failedAt=1))
    plan = {"projectId": "P", "name": "n", "status": "pending"}
    needing = json.dumps(plan | {"taskId": "task-2", "description": "needs one", "dependencies": ["task-1"]})
    old.push("queue:gpt", needing.encode())
    old.push("queue:claude", json.dumps(plan | {"taskId": "task-1", "description": "one"}).encode())
    for number, agent in ((1, "claude"), (3, "gemini")):
        old.call("HSET", f"task:P:task-{number}", "name", "in a hash", "status", "pending", "assignedAgent", agent)
    old.call("HSET", "task:P:task-4", "name", "over", "status", "completed", "assignedAgent", "gpt")


_ALL = [
    "first", "by the orchestrator", "n\n\none", "words", "second", "third", "more words", "urgent", "some day", "begun",
    "tidy", "had failed", "in a hash", "n\n\nneeds one",
]  # fmt: skip


async def _import(old: Old, yard: Yard, more: dict[str, str] | None = None, *, delete: bool = False) -> ImportReport:
    async with old.server() as server:
        return await bring_over(server, yard.client, more or {}, delete=delete)


def test_everything_becomes_a_task_once_and_in_order(old: Old, settings: Settings) -> None:
    """What was begun first, then oldest first; repeats, todos that are done and planned twice are one; run again,
    nothing is imported twice; the old server is as it was."""
    _fill(old)
    (settings.workspace_path / "a.js").write_text("x")
    before = old.dump()

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            report = await _import(old, yard)
            assert report.refused == []
            assert await prompts_of(yard) == _ALL
            assert (report.tasks, report.handed_in, report.repeats) == (14, 14, 8)
            assert all(
                row.entries == row.tasks + row.known + row.repeats + row.ours + row.refused for row in report.keys
            )
            tasks = {task.title: task for task in await yard.client.all_tasks()}
            assert tasks["P/task-2"].state is TaskState.BLOCKED
            assert tasks["P/task-2"].parents == (tasks["P/task-1"].id,)
            again = await _import(old, yard)
            assert (again.tasks, again.handed_in, again.known, again.repeats) == (0, 0, 15, 7)
            assert len(await yard.client.all_tasks()) == 14

    run(story())
    assert old.dump() == before
    kept = sorted((settings.home_path / "legacy").glob("backup-*"))[0].read_text()
    assert kept.count('"text"') == 22


def test_a_look_changes_nothing_and_needs_no_fleet(old: Old, settings: Settings) -> None:
    """A dry run reports the same, writes no file, and leaves the old server as it is."""
    _fill(old)
    before = old.dump()

    async def story() -> ImportReport:
        async with old.server() as server:
            return await look(server, settings, {})

    report = run(story())
    assert (report.done, report.tasks, report.repeats, report.backup) == (False, 14, 8, "")
    assert old.dump() == before
    assert not settings.home_path.exists()


def test_equal_entries_may_be_meant(old: Old, settings: Settings) -> None:
    """Three equal entries without an id are three tasks; one of them begun meanwhile is not a fourth; one more is."""
    (settings.workspace_path / "a.js").write_text("x")
    old.push("queue:gpt-4o", *[entry("same")] * 3)

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            await _import(old, yard)
            assert await prompts_of(yard) == ["same"] * 3
            old.call("RPOPLPUSH", "queue:gpt-4o", "processing:gpt-4o")
            assert (await _import(old, yard)).handed_in == 0
            old.push("queue:gpt-4o", entry("same"))
            assert (await _import(old, yard)).handed_in == 1

    run(story())


def test_what_is_deleted_is_what_was_imported(old: Old, settings: Settings) -> None:
    """Every imported entry goes, refused ones and other keys stay; the same bytes queued later are a new task."""
    _fill(old)
    old.push("queue:kimi-2", entry("nobody's"))
    old.push("queue:gpt-4o", b"{broken")

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            report = await _import(old, yard, delete=True)
            assert report.deleted == 13
            left = {"queue:gpt-4o", "queue:kimi-2", "queue:todos:completed", "queue:todos:processing"}
            assert old.names() - {f"task:P:task-{number}" for number in (1, 3, 4)} == left
            assert old.all("queue:gpt-4o") == [b"{broken"]
            assert old.all("queue:todos:processing") == [b'{"id":"todo_2","description":"over"}']
            old.push("queue:gpt-4o", entry("second"))
            assert (await _import(old, yard)).handed_in == 1

    run(story())


def test_a_list_may_grow_meanwhile(old: Old, settings: Settings) -> None:
    """What comes while a list is read is found by the next import, which imports only that; the report says so."""
    old.push("queue:gpt-4o", *[entry(f"n{number}") for number in range(1200)])

    async def story() -> None:
        async with team(settings, paused=True) as yard, old.server() as server:
            run_script, windows = server.run, Counter[str]()

            async def growing(name: str, *args: object) -> object:
                windows[name] += 1
                if windows["window"] == 2:
                    old.push("queue:gpt-4o", entry("late"))
                return await run_script(name, *args)  # type: ignore[arg-type]

            server.run = growing  # type: ignore[assignment]
            report = await bring_over(server, yard.client, {})
            assert (report.handed_in, report.grown) == (1200, ["queue:gpt-4o"])
            report = await bring_over(server, yard.client, {})
            assert (report.handed_in, report.known, report.grown) == (1, 1200, [])

    run(story())


def test_the_old_server_goes_away_in_the_middle(old: Old, settings: Settings) -> None:
    """One line that names it and says to run it again; nothing is half imported, no half backup is left."""
    old.push("queue:gpt-4o", *[entry(f"n{number}") for number in range(1200)])

    async def story() -> None:
        async with team(settings, paused=True) as yard, old.server() as server:
            run_script = server.run

            async def dying(*args: object) -> object:
                reply = await run_script(*args)  # type: ignore[arg-type]
                old.stop()
                return reply

            server.run = dying  # type: ignore[assignment]
            with pytest.raises(OldServerDown, match="run the same command again"):
                await bring_over(server, yard.client, {})
            assert await yard.client.all_tasks() == []
            assert not list((settings.home_path / "legacy").glob("backup*"))

    run(story())


def test_keys_of_the_wrong_type_and_secrets_are_told(old: Old, settings: Settings) -> None:
    """Wrong types and unknown keys are listed and not read; of secrets only key and field are said, none kept."""
    old.call("SET", "queue:gpt-4o", "oops")
    old.call("HSET", "processing:gpt-4o", "a", "b")
    old.call("SET", "something", "else")
    old.call("HSET", "agent:gpt-1", "status", "idle", "api_key", "sk-LEAK")
    old.call("SET", "agent:gpt-1:status", "idle")
    old.push("agent:gpt-1:assigned_tasks", b"x")
    old.call("HSET", "enrolled:agent:u", "apiKey", "sk-LEAK", "name", "n")
    old.push("queue:gpt-4", entry("p", apiKey="sk-LEAK"), entry("fine"))
    old.call("SET", "queue:gpt-4:paused", "true")

    async def story() -> ImportReport:
        async with team(settings, paused=True) as yard:
            report = await _import(old, yard)
            assert await prompts_of(yard) == ["fine\n\nNot in the workspace yet:\n- a.js"]
            return report

    report = run(story())
    refused = {row.key: row.why for row in report.refused}
    assert "it is a string, and must be a list" in refused["queue:gpt-4o"]
    assert "it is a hash, and must be a list" in refused["processing:gpt-4o"]
    assert "not a key" in refused["something"]
    assert "apiKey" in refused["queue:gpt-4"]
    assert {(row.key, row.field) for row in report.secrets} == {
        ("agent:gpt-1", "api_key"),
        ("enrolled:agent:u", "apiKey"),
    }
    assert report.paused == ["queue:gpt-4:paused"]
    written = [path.read_bytes() for path in settings.home_path.rglob("*") if path.is_file()]
    assert written
    assert not any(b"sk-LEAK" in content for content in written)


def test_long_entries_do_not_fill_the_memory(old: Old, settings: Settings) -> None:
    """Entries of 10 MB are refused with their size and are in the backup; a prompt of 1 MB is a task."""
    big = entry("x" * (10 * 1024 * 1024))
    old.push("queue:gpt-4o", big, entry("y" * 1_000_000, file=""), big)

    async def story() -> ImportReport:
        async with team(settings, paused=True) as yard:
            report = await _import(old, yard)
            (task,) = await yard.client.all_tasks()
            kept = await yard.client.run(task.run)
            assert kept is not None
            assert (settings.home_path / kept.prompt_file).read_text() == "y" * 1_000_000
            return report

    report = run(story())
    assert [row.why for row in report.refused] == [
        f"it is {len(big):,} bytes, limit 4,194,304; put the long part into a file"
    ] * 2
    assert Path(report.backup).stat().st_size > 20 * 1024 * 1024
    assert len(Path(report.refused_file).read_text().splitlines()) == 2


def test_it_refuses_before_anything_is_handed_in(old: Old, settings: Settings) -> None:
    """An agent that cannot work, one that is not here, a full queue, a plan in a circle, another import at work."""
    old.push("queue:gpt-4o", entry("one"))
    old.push("queue:kimi-2", entry("two"))
    circle = {"projectId": "C", "name": "n", "description": "d"}
    for number, other in ((1, 2), (2, 1)):
        raw = circle | {"taskId": f"task-{number}", "dependencies": [f"task-{other}"]}
        old.push("queue:gpt", json.dumps(raw).encode())

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            with pytest.raises(InputError, match="no agent"):
                await _import(old, yard, {"kimi-2": "nobody"})
            assert await yard.client.all_tasks() == []
            with hold_moving(settings.home_path), pytest.raises(ConfigError, match="another `ez legacy`"):
                await _import(old, yard)
            report = await _import(old, yard, {"kimi-2": "claude"})
            assert report.handed_in == 2
            assert [row.why for row in report.refused] == ["the tasks of its plan wait for each other in a circle"] * 2

    run(story())
    assert issubclass(AgentUnavailable, InputError)


def test_a_full_queue_stops_it_and_nothing_is_lost(old: Old, settings: Settings) -> None:
    """What did not fit is imported by the next run, and what did is not imported again."""
    import msgspec

    old.push("queue:gpt-4o", *[entry(f"n{number:03}", file="") for number in range(250)])

    async def story() -> None:
        small = msgspec.structs.replace(settings, queue_max_open=150)
        async with team(small, paused=True) as yard:
            with pytest.raises(QueueFull):
                await _import(old, yard)
            assert len(await yard.client.all_tasks()) == 100
            yard.client.settings = settings
            assert (await _import(old, yard)).handed_in == 150
            assert await prompts_of(yard) == [f"n{number:03}" for number in range(250)]

    run(story())
