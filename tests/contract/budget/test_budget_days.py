"""Days: limits that begin anew at midnight UTC, and what becomes of days that are over."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.budget.money import DAY_MS, TTL_S, BudgetRig, days_later, holds_last, limits, replaced

from ezaigents.budget import Budget, BudgetRefused, ScopeState, read_ledger
from ezaigents.budget.ledger import append_closed
from ezaigents.errors import InputError
from ezaigents.records import Usage

_DATES = [
    "1970-01-01",
    "1999-12-31",
    "2000-02-29",
    "2024-02-29",
    "2026-12-31",
    "2027-01-01",
    "2100-03-01",
    "9999-12-31",
]


def _day(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).date().isoformat()


async def _today(rig: BudgetRig) -> str:
    return _day(await rig.engine_ms())


@pytest.mark.parametrize("date", _DATES)
@pytest.mark.parametrize("offset_ms", [0, DAY_MS - 1])
async def test_the_day_is_that_of_the_engine_in_utc(rig: BudgetRig, date: str, offset_ms: int) -> None:
    """From its first to its last millisecond a day has the name that everybody gives it, leap years included."""
    at_ms = round(dt.datetime.fromisoformat(f"{date}T00:00:00+00:00").timestamp() * 1000) + offset_ms
    scripts = replaced("day_of(now)", f"day_of({at_ms})", ["reserve"])
    await rig.reserve(rig.name(), 1, budget=Budget(rig.queue, rig.home, scripts=scripts))
    assert {state.day for state in await rig.budget.overview()} == {"", date}


async def test_every_day_of_eight_years_has_its_name(rig: BudgetRig) -> None:
    """Day by day, as the calendar has it."""
    prelude = replaced("return lapse(", "return day_of(tonumber(ARGV[1])) or (", ["lapse"])["lapse"]
    first = dt.date(2024, 1, 1)
    for number in range(0, 8 * 366, 3):
        date = first + dt.timedelta(days=number)
        at_ms = round(dt.datetime(date.year, date.month, date.day, 12, tzinfo=dt.UTC).timestamp() * 1000)
        assert (await rig.queue.run_script(prelude, [at_ms])).decode() == date.isoformat()


async def test_a_new_day_begins_with_nothing_spent(rig: BudgetRig) -> None:
    """What an agent and all agents spent yesterday does not count today; what task and everything did, does."""
    await rig.budget.settle(await rig.held(100, agent=100, day=100), 100)
    with pytest.raises(BudgetRefused):
        await rig.reserve(rig.name(), 1, agent=100, day=100)
    tomorrow = rig.at(days=1)
    assert await rig.reserve(rig.name(), 100, budget=tomorrow, agent=100, day=100, task=200) == 100
    with pytest.raises(BudgetRefused) as refused:
        await rig.reserve(rig.name(), 1, budget=tomorrow, task=200)
    assert refused.value.scope == "task:t1"
    states = {state.scope: state for state in await rig.budget.overview()}
    today = await _today(rig)
    assert (states[f"day:{today}"].spent, states[f"day:{today}"].reserved) == (100, 0)


async def test_a_call_over_midnight_counts_on_the_day_it_began(rig: BudgetRig) -> None:
    """Settled on the next day, the money is counted where it was set aside."""
    today = await _today(rig)
    name = await rig.held(100)
    await rig.at(days=0.9999).settle(name, 60)
    state = await rig.budget.scope(f"day:{today}")
    assert (state.spent, state.reserved) == (60, 0)


async def test_days_that_are_over_move_to_the_ledger(rig: BudgetRig) -> None:
    """Their figures are in the file, whole; the engine forgets them, and nothing else."""
    today = await _today(rig)
    await rig.budget.settle(await rig.held(100, day=500, agent=300, task=200), 60)
    assert await rig.budget.close_days() == 0
    assert await rig.at(days=1.1).close_days() == 2
    found = read_ledger(rig.home / "ledger", today[:7])
    assert found == {
        f"day:{today}": ScopeState(scope=f"day:{today}", limit=500, spent=60, calls=1),
        f"agent:claude:{today}": ScopeState(scope=f"agent:claude:{today}", limit=300, spent=60, calls=1),
    }
    assert {"all"} <= set(await rig.money()) <= {"all", "task:t1"}
    assert await rig.at(days=1.1).close_days() == 0
    (file,) = (rig.home / "ledger").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (f"{today[:7]}.jsonl", 0o600)


async def test_what_a_model_took_is_counted_by_day_and_limits_nothing(rig: BudgetRig) -> None:
    """The model of a call has a scope of its own, simulated ones apart; it follows its day to the ledger."""
    today = await _today(rig)
    given: dict[str, Any] = {"agent": "claude", "run": "", "least": 1, "limits": limits(), "ttl_s": TTL_S}
    for simulated in (False, True):
        name = rig.name()
        await rig.budget.reserve(name, amount=100, model="openai:gpt-6:mini", simulated=simulated, **given)
        await rig.budget.settle(name, 60, Usage(input=7, output=3))
    scopes = [f"{before}model:openai:gpt-6:mini:{today}" for before in ("", "sim-")]
    for scope in scopes:
        state = await rig.budget.scope(scope)
        assert state == ScopeState(scope=scope, spent=60, calls=1, input_tokens=7, output_tokens=3)
        assert not state.has_limit
    assert await rig.at(days=1.1).close_days() == 6
    assert set(scopes) <= set(read_ledger(rig.home / "ledger", today[:7]))
    with pytest.raises(InputError):
        await rig.budget.reserve(rig.name(), amount=1, model="a b", **given)


async def test_a_day_with_an_open_hold_is_not_closed(rig: BudgetRig) -> None:
    """Not before it is settled or its time has come, however long ago the day was."""
    name = await rig.held(100)
    lasting = Budget(rig.queue, rig.home, scripts=holds_last(5))
    assert await lasting.close_days() == 0
    await rig.budget.settle(name, 60)
    assert await lasting.close_days() == 2


async def test_a_day_is_closed_an_hour_after_its_last_change(rig: BudgetRig) -> None:
    """Until then a late settling may still correct it."""
    await rig.budget.settle(await rig.held(100), 60)
    for days, closed in ((0.0, 0), (1 / 24, 0), (1.1 / 24, 2)):
        scripts = replaced("day_of(now)", "'9999-12-31'", ["closable"], of=days_later(days))
        assert await Budget(rig.queue, rig.home, scripts=scripts).close_days() == closed


async def test_today_is_not_closed(rig: BudgetRig) -> None:
    """However long nothing was spent."""
    today = await _today(rig)
    await rig.budget.settle(await rig.held(100), 60)
    scripts = replaced("day_of(now)", f"'{today}'", ["closable"], of=days_later(0.5))
    assert await Budget(rig.queue, rig.home, scripts=scripts).close_days() == 0


async def test_a_crash_after_the_file_was_written_writes_nothing_twice(rig: BudgetRig) -> None:
    """The file comes first; closed again after the crash, each scope still stands there once."""
    await rig.budget.settle(await rig.held(100), 60)
    never = replaced("if same and", "if false and", ["close"], of=days_later(1.1))
    assert await Budget(rig.queue, rig.home, scripts=never).close_days() == 0
    (file,) = (rig.home / "ledger").iterdir()
    written = file.read_bytes()
    assert len(written.splitlines()) == 2
    assert await rig.at(days=1.1).close_days() == 2
    assert file.read_bytes() == written


async def test_a_day_that_changed_after_it_was_written_stays(rig: BudgetRig) -> None:
    """Only what is in the file, value by value, is forgotten; the rest is written anew, and the last line counts."""
    today = await _today(rig)
    await rig.budget.settle(await rig.held(100), 60)
    never = replaced("if same and", "if false and", ["close"], of=days_later(1.1))
    await Budget(rig.queue, rig.home, scripts=never).close_days()
    await rig.raw("HINCRBY", rig.keys.budget(f"day:{today}"), "spent", 1)
    assert await rig.at(days=1.1).close_days() == 2
    assert read_ledger(rig.home / "ledger", today[:7])[f"day:{today}"].spent == 61


async def test_a_change_between_file_and_forgetting_is_not_lost(rig: BudgetRig) -> None:
    """Counted after the look and before the forgetting, it keeps the day in the engine."""
    await rig.budget.settle(await rig.held(100), 60)
    scripts = days_later(1.1)
    today = await _today(rig)
    packed = await rig.queue.run_script(scripts["closable"], [0, 10])
    await rig.raw("HINCRBY", rig.keys.budget(f"day:{today}"), "spent", 1)
    rows = msgspec.msgpack.decode(packed)[1]
    assert await rig.queue.run_script(scripts["close"], [msgspec.msgpack.encode(row) for row in rows]) == 1
    assert (await rig.budget.scope(f"day:{today}")).spent == 61


async def test_two_hosts_that_close_at_once_lose_nothing(rig: BudgetRig) -> None:
    """Both write, one forgets; every scope is in the file, with its figures."""
    today = await _today(rig)
    for number in range(30):
        await rig.budget.settle(await rig.held(10, by=f"a{number}"), number)
    moved = await asyncio.gather(*[rig.at(days=1.1).close_days() for _ in range(4)])
    assert sum(moved) == 31
    found = read_ledger(rig.home / "ledger", today[:7])
    assert {scope: state.spent for scope, state in found.items()} == {
        f"day:{today}": sum(range(30)),
        **{f"agent:a{number}:{today}": number for number in range(30)},
    }


async def test_scopes_go_with_their_task_and_run(rig: BudgetRig) -> None:
    """A day after their last use, when the queue has forgotten the task or run, and while no hold on them is open."""
    known = await rig.one()
    run = (await rig.task(known)).run
    for task, job in ((known, run), ("gone", "gone-too"), ("busy", "busy-too")):
        name = rig.name(task)
        await rig.reserve(name, 10, job=job, run=1_000)
        if task != "busy":
            await rig.budget.settle(name, 5)
    await Budget(rig.queue, rig.home, scripts=holds_last(0.9)).close_days()
    assert len(await rig.money()) == 6 + 3
    await Budget(rig.queue, rig.home, scripts=holds_last(1.1)).close_days()
    left = {scope for scope in await rig.money() if scope.startswith(("task:", "run:"))}
    assert left == {f"task:{known}", f"run:{run}", "task:busy", "run:busy-too"}


async def test_more_scopes_than_one_look_takes(rig: BudgetRig) -> None:
    """However many there are, all that can go do."""
    known = [await rig.one() for _ in range(3)]
    for number in range(450):
        await rig.budget.settle(await rig.held(1, of=f"x{number}", by=f"a{number}"), 1)
    for task in known:
        await rig.budget.settle(await rig.held(1, of=task), 1)
    assert await rig.at(days=1.1).close_days() == 450 + 2
    assert set(await rig.money()) == {"all", *(f"task:{task}" for task in known)}


def test_a_torn_line_of_the_ledger_harms_no_other(tmp_path: Path) -> None:
    """What a crash left half written is skipped, and what follows begins on a line of its own."""
    first, second = (ScopeState(scope=f"day:2026-11-0{number}", spent=number) for number in (1, 2))
    assert append_closed(tmp_path, [first]) == 1
    file = tmp_path / "2026-11.jsonl"
    with file.open("ab") as tail:
        tail.write(b'{"scope":"day:2026-11-02","spe')
    assert append_closed(tmp_path, [first, second]) == 1
    assert read_ledger(tmp_path, "2026-11") == {first.scope: first, second.scope: second}
    assert json.loads(file.read_bytes().splitlines()[0])["scope"] == first.scope
    assert read_ledger(tmp_path, "2026-12") == {}
