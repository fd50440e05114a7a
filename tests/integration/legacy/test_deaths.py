"""kill -9 at every moment that matters: whatever dies when, each entry is one task, and each task goes back once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tests.integration.legacy.dying import WHENS, Deaths, Moment, die
from tests.integration.legacy.fleet import team
from tests.integration.legacy.old import Old, entry
from tests.integration.runtime.fleets import Yard
from tests.leaks import run

from ezaigents.agents import Context
from ezaigents.legacy import bring_over
from ezaigents.queue import forget
from ezaigents.records import Claim, Result
from ezaigents.settings import Settings

_KILLED = -9
_NEVER = Moment("")


def _moments(calls: dict[str, int]) -> tuple[Moment, ...]:
    """Every time of every call, by name and how often."""
    each = [Moment(call, number + 1, when) for call, most in calls.items() for number in range(most) for when in WHENS]
    return (*each, _NEVER)


def test_a_bridge_that_dies_loses_and_doubles_nothing(old: Old, settings: Settings) -> None:
    """Killed before, in and after each call to either side, with producers at work: each entry is done once, and told
    of once; equal entries are as many tasks as there were entries."""
    (settings.workspace_path / "a.js").write_text("x")
    done: Counter[str] = Counter()

    async def do(claim: Claim, context: Context) -> Result:
        done[await context.prompt()] += 1
        return Result(summary="done")

    moments = _moments({"take": 2, "submit_runs": 2, "hand_over": 3})
    push = (
        ("queue:gpt-4o", entry("same").decode()),
        ("queue:gpt-4o", entry("same").decode()),
        ("queue:claude-3-opus:p:high", entry("other", id="x").decode()),
        ("queue:gpt-4o", "{broken"),
    )

    async def story() -> None:
        async with team(settings, do) as yard:
            deaths = Deaths(verb="bridge", url=old.url, settings=settings, moments=moments, push=push)
            codes = await asyncio.to_thread(die, deaths)
            assert codes == [_KILLED] * (len(moments) - 1) + [0]
            lives = len(moments)
            assert done == {"same": 2 * lives, "other": lives}
            assert len(await yard.client.all_tasks()) == 3 * lives
            assert old.call("LLEN", "queue:failures") == lives
            left = {key.rpartition(":")[2] for key in old.names()}
            assert left == {"failures", "refused", "results"}

    run(story(), limit_s=90)


@pytest.mark.parametrize("delete", [False, True])
def test_an_import_that_dies_goes_on(old: Old, settings: Settings, *, delete: bool) -> None:
    """Killed before, in and after each call: in the end every entry is one task, and only what was imported is gone."""
    (settings.workspace_path / "a.js").write_text("x")
    old.push("queue:gpt-4o", *[entry(f"n{number % 120}") for number in range(240)], b"{broken")
    calls = {"window": 1, "submit_runs": 1} | ({"drop": 1} if delete else {})

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            moments = _moments(calls)
            deaths = Deaths(verb="import", url=old.url, settings=settings, moments=moments, delete=delete)
            codes = await asyncio.to_thread(die, deaths)
            assert codes == [_KILLED] * (len(moments) - 1) + [0]
            await _each_once(yard, {f"n{number}": 2 for number in range(120)})
            assert len(old.all("queue:gpt-4o")) == (1 if delete else 241)

    run(story(), limit_s=90)


async def _each_once(yard: Yard, expected: dict[str, int]) -> None:
    tasks = await yard.client.all_tasks()
    runs = await asyncio.gather(*[yard.client.run(task.run) for task in tasks])
    assert Counter(one.prompt for one in runs if one is not None) == expected


def test_a_rollback_that_dies_goes_on(old: Old, settings: Settings) -> None:
    """Killed before, in and after each call, with imported, bridged and own tasks: each stands there once."""
    (settings.workspace_path / "a.js").write_text("x")
    old.push("queue:gpt-4o", *[entry(f"n{number}") for number in range(6)])

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            async with old.server() as server:
                await bring_over(server, yard.client, {}, delete=True)
            old.push("queue:gpt-4o", *[entry(f"b{number}") for number in range(4)])
            bridged = Deaths(
                verb="bridge", url=old.url, settings=settings, moments=(Moment("submit_runs", 1, "after"),)
            )
            await asyncio.to_thread(die, bridged)
            assert len(await yard.client.all_tasks(states=["ready"])) == 10
            moments = _moments({"cancel": 1, "hand_over": 3, "put_back": 3})
            deaths = Deaths(verb="rollback", url=old.url, settings=settings, moments=moments)
            codes = await asyncio.to_thread(die, deaths)
            assert set(codes) <= {_KILLED, 0}
            assert codes.count(_KILLED) >= 9
            expected = sorted(entry(f"{letter}{n}") for letter, most in (("n", 6), ("b", 4)) for n in range(most))
            assert sorted(old.all("queue:gpt-4o")) == expected
            assert await yard.client.all_tasks(states=["ready"]) == []
            assert old.names() == {"queue:gpt-4o"}

    run(story(), limit_s=90)


def test_what_is_queued_after_a_death_is_a_task_of_its_own(old: Old, settings: Settings) -> None:
    """An import dies just after entries were taken out; the same bytes queued then are not what was imported."""
    (settings.workspace_path / "a.js").write_text("x")
    old.push("queue:gpt-4o", entry("again"))

    async def story() -> None:
        async with team(settings, paused=True) as yard:
            deaths = Deaths(
                verb="import", url=old.url, settings=settings, moments=(Moment("drop", 1, "after"),), delete=True
            )
            assert await asyncio.to_thread(die, deaths) == [_KILLED]
            assert old.all("queue:gpt-4o") == []
            old.push("queue:gpt-4o", entry("again"))
            async with old.server() as server:
                report = await bring_over(server, yard.client, {}, delete=True)
            assert (report.handed_in, report.deleted) == (1, 1)
            await _each_once(yard, {"again": 2})

    run(story())


def test_a_task_that_the_engine_has_forgotten_is_not_done_again(old: Old, settings: Settings) -> None:
    """A bridge dies; its task is done, and purged into the history: the next bridge only hands the result over."""
    (settings.workspace_path / "a.js").write_text("x")
    done: list[str] = []

    async def do(claim: Claim, context: Context) -> Result:
        done.append(claim.id)
        return Result(summary="done")

    async def story() -> None:
        async with team(settings, do) as yard:
            push = (("queue:gpt-4o", entry("once", id="x").decode()),)
            first = Deaths(verb="bridge", url=old.url, settings=settings, moments=(Moment("submit_runs"),), push=push)
            assert await asyncio.to_thread(die, first) == [_KILLED]
            (task_id,) = [task.id for task in await yard.client.all_tasks()]
            tasks = await yard.ended([task_id])
            history = settings.home_path / "history"
            assert await forget(yard.queue, history, tasks, now_ms=2**41, keep_patches_ms=0) == 1
            second = Deaths(verb="bridge", url=old.url, settings=settings, moments=(_NEVER,))
            assert await asyncio.to_thread(die, second) == [0]
            assert done == [task_id]
            assert old.call("HEXISTS", "task:results", "x")

    run(story())
