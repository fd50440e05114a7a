"""Going back: unfinished tasks stand in the old queues again, each once."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from tests.integration.legacy.fleet import team
from tests.integration.legacy.old import Old, entry
from tests.integration.runtime.fleets import Yard
from tests.leaks import run, until

from ezaigents import Client, Wish
from ezaigents.agents import Context
from ezaigents.legacy import OldServerRefuses, Rollback, RollbackReport, bring_over
from ezaigents.records import Claim, Result, TaskKind, TaskState
from ezaigents.settings import Settings


async def _back(old: Old, yard: Yard, *, wait_s: float = 20.0) -> RollbackReport:
    async with old.server() as server:
        return await Rollback(server, yard.client, wait_s=wait_s).go_back()


async def _over(old: Old, yard: Yard, *, delete: bool = True) -> None:
    async with old.server() as server:
        await bring_over(server, yard.client, {}, delete=delete)


def test_entries_go_back_byte_for_byte(old: Old, settings: Settings) -> None:
    """Every entry stands in its own list again with the bytes it had, in its order; what was begun is queued; a second
    rollback does nothing; they can be imported again."""
    odd = b'{ "prompt" : "\\u00e9",\n "file":"" , "id" : 7 }'
    lists = {
        "queue:gpt-4o": [entry("1"), odd, entry("1")],
        "queue:gpt-4o:p:high": [entry("2")],
        "queue:todos": [b'{"id":"todo_1","description":"tidy"}'],
        "queue:mistral-large": [entry("3")],
    }
    for key, entries in lists.items():
        old.push(key, *entries)
    old.push("processing:claude-3-opus", entry("begun"))
    old.call("RPUSH", "dlq:gpt-4o", entry("dead"))

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            await _over(old, yard)
            assert old.names() == set()
            report = await _back(old, yard)
            assert (report.returned, report.staying_count, report.running) == (8, 0, 0)
            assert {key: old.all(key) for key in lists} == lists
            assert old.all("queue:claude-3-opus") == [entry("begun")]
            assert old.all("dlq:gpt-4o") == [entry("dead")]
            before = old.dump()
            assert (await _back(old, yard)).returned == 0
            assert old.dump() == before
            assert {task.state for task in await yard.client.all_tasks()} == {TaskState.CANCELLED}
            await _over(old, yard)
            assert len(await yard.client.all_tasks(states=["ready"])) == 8

    run(story())


def test_a_look_changes_nothing(old: Old, settings: Settings) -> None:
    """A dry run names each task, where it would go and how, and leaves both sides as they are."""
    old.push("queue:gpt-4o", entry("1"))

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            await _over(old, yard)
            async with old.server() as server:
                report = await Rollback(server, yard.client).look()
            assert [(row.to, row.how) for row in report.going] == [("queue:gpt-4o", "as it was")]
            assert old.names() == set()
            assert len(await yard.client.all_tasks(states=["ready"])) == 1

    run(story())


def test_what_was_not_taken_out_is_not_put_in_again(old: Old, settings: Settings) -> None:
    """An entry that stands there still is only ended here; one an old agent took meanwhile goes back."""
    old.push("queue:gpt-4o", entry("taken"), entry("stands"), entry("stands"))

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            await _over(old, yard, delete=False)
            assert old.call("RPOP", "queue:gpt-4o") == entry("taken")
            report = await _back(old, yard)
            assert report.returned == 3
            assert sorted(old.all("queue:gpt-4o")) == [entry("stands"), entry("stands"), entry("taken")]

    run(story())


def test_tasks_made_here_go_back_as_file_and_prompt(old: Old, settings: Settings) -> None:
    """The simplest shape; several files are named in the prompt; a long prompt is whole; without a file it stays."""
    for name in ("a.js", "b.js"):
        (settings.workspace_path / name).write_text("x")
    long = "do " * 1000

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            wish = Wish(prompt=long, paths=("a.js",), agent="claude", kind=TaskKind.EDIT)
            await yard.client.submit(wish)
            await yard.client.submit(Wish(prompt="two", paths=("a.js", "b.js"), agent="gpt", kind=TaskKind.EDIT))
            await yard.client.submit(Wish(prompt="none", paths=(), agent="gpt", kind=TaskKind.EDIT))
            report = await _back(old, yard)
            assert (report.returned, report.staying_count) == (2, 1)
            assert "names no file" in report.staying[0].how
            assert [json.loads(raw) for raw in old.all("queue:claude-3-opus")] == [{"file": "a.js", "prompt": long}]
            (both,) = map(json.loads, old.all("queue:gpt-4o"))
            assert both == {"file": "a.js", "prompt": "two\n\nFiles:\n- a.js\n- b.js"}
            assert len(await yard.client.all_tasks(states=["ready"])) == 1

    run(story())


def test_running_tasks_are_ended_first_and_done_ones_stay_done(old: Old, settings: Settings) -> None:
    """One at work is stopped and goes back; one that was done is not, and the report says that its entry stands."""
    began: list[str] = []

    async def do(claim: Claim, context: Context) -> Result:
        began.append(await context.prompt())
        if "run" in began[-1]:
            await asyncio.Event().wait()
        return Result(summary="done")

    async def story() -> None:
        old.push("queue:gpt-4o", entry("quick", file=""), entry("run", file=""))
        async with team(settings, do) as yard:
            await _over(old, yard, delete=False)
            await until(lambda: len(began) == 2)

            async def one_done() -> bool:
                return len(await yard.client.all_tasks(states=["done"])) == 1

            await until(one_done)
            old.call("DEL", "queue:gpt-4o")
            old.push("queue:gpt-4o", entry("quick", file=""))
            report = await _back(old, yard)
            assert (report.returned, report.finished, report.done_there_too) == (1, 0, 1)
            assert old.all("queue:gpt-4o") == [entry("quick", file=""), entry("run", file="")]

    run(story())


def test_a_key_of_another_type_stops_it_and_nothing_is_lost(old: Old, settings: Settings) -> None:
    """It names the key; once that is mended, the next rollback brings it to its end."""
    old.push("queue:gpt-4o", entry("1"))

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            await _over(old, yard)
            old.call("SET", "queue:gpt-4o", "oops")
            with pytest.raises(OldServerRefuses, match="queue:gpt-4o holds no list"):
                await _back(old, yard)
            old.call("DEL", "queue:gpt-4o")
            assert (await _back(old, yard)).returned == 1
            assert old.all("queue:gpt-4o") == [entry("1")]

    run(story())


def test_another_workspace_is_left_alone(old: Old, settings: Settings) -> None:
    """A rollback from one workspace does not touch the tasks of another one in the same data folder."""
    old.push("queue:gpt-4o", entry("1"))
    other = settings.workspace_path.parent / "other"
    other.mkdir()

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            await _over(old, yard)
            elsewhere = msgspec.structs.replace(settings, workspace=str(other))
            async with old.server() as server, Client.connect(elsewhere, need_host=False) as client:
                report = await Rollback(server, client).go_back()
            assert (report.returned, report.staying_count) == (0, 1)
            assert "another workspace" in report.staying[0].how
            assert (await _back(old, yard)).returned == 1

    run(story())
