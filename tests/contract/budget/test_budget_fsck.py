"""This room's part of `ez fsck`: every way in which budgets and holds can disagree is named, and mended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.contract.budget.money import BudgetRig

from ezaigents.budget import HoldName
from ezaigents.budget.fsck import RULES, judge_budget, mend_budget
from ezaigents.queue.fsck import OtherCheck, check

Break = Callable[[BudgetRig, HoldName], Awaitable[Any]]

BREAKS: dict[str, tuple[str, str, Break]] = {
    "too much reserved": (
        "budgets",
        "add up to 100",
        lambda r, n: r.raw("HSET", r.keys.budget("all"), "reserved", 101),
    ),
    "too little": ("budgets", "add up to 100", lambda r, n: r.raw("HDEL", r.keys.budget("task:t1"), "reserved")),
    "below nothing": ("budgets", "no sum of money", lambda r, n: r.raw("HSET", r.keys.budget("all"), "reserved", -1)),
    "no number": ("budgets", "no sum of money", lambda r, n: r.raw("HSET", r.keys.budget("all"), "spent", "x")),
    "a scope not listed": ("budgets", "is not in budgets", lambda r, n: r.raw("ZREM", r.keys.budgets(), "all")),
    "a scope only listed": ("budgets", "no such budget", lambda r, n: r.raw("ZADD", r.keys.budgets(), 1, "task:t9")),
    "a scope gone": ("holds", "is held of all", lambda r, n: r.raw("DEL", r.keys.budget("all"))),
    "a hold gone": ("holds", "no such hold", lambda r, n: r.raw("DEL", r.keys.hold(str(n)))),
    "a hold not listed": ("holds", "is not in holds", lambda r, n: r.raw("ZREM", r.keys.holds(), str(n))),
    "two ends": ("holds", "ends at", lambda r, n: r.raw("ZADD", r.keys.holds(), 5, str(n))),
    "no amount": ("holds", "is not whole", lambda r, n: r.raw("HDEL", r.keys.hold(str(n)), "amount")),
    "no end": ("holds", "is not whole", lambda r, n: r.raw("HDEL", r.keys.hold(str(n)), "until")),
    "no scopes": ("holds", "is not whole", lambda r, n: r.raw("HDEL", r.keys.hold(str(n)), "scopes")),
}


@pytest.mark.parametrize("way", BREAKS)
async def test_what_is_broken_is_named_and_mended(rig: BudgetRig, way: str) -> None:
    """Each finding is of its invariant, with the key and what is wrong; a repair mends it, and says so."""
    name = await rig.held(100)
    await rig.budget.settle(await rig.held(50), 20)
    assert await rig.judged() == []
    invariant, said, make = BREAKS[way]
    await make(rig, name)
    found = await rig.judged()
    assert any(one == invariant and said in text for one, _, text in found)
    assert all(what.startswith(("hold:", "budget:")) and one in RULES for one, what, _ in found)
    assert await mend_budget(rig.queue)
    assert await rig.judged() == []
    assert await mend_budget(rig.queue) == []
    assert await rig.budget.lapse() == 0


async def test_the_whole_check_knows_the_keys_of_budgets(rig: BudgetRig) -> None:
    """Open and settled holds and closed calls are keys of known names, types and lives."""
    await rig.held(1)
    await rig.budget.settle(await rig.held(1, run=5), 1)
    report = await check(rig.queue, also=[OtherCheck(RULES, judge_budget)])
    assert report.ok
    assert set(RULES) <= {invariant.name for invariant in report.invariants}


async def test_the_check_may_run_beside_work(rig: BudgetRig) -> None:
    """Holds that come and go between two looks are not taken for broken ones."""
    async with rig.elsewhere() as budget:

        async def work() -> None:
            while True:
                name = rig.name()
                await rig.reserve(name, 5, budget=budget)
                await budget.settle(name, 3)

        working = [asyncio.ensure_future(work()) for _ in range(3)]
        for _ in range(50):
            assert await rig.judged() == []
        for task in working:
            task.cancel()
        await asyncio.wait(working)
        await budget.close()


async def test_other_namespaces_are_not_looked_at(rig: BudgetRig) -> None:
    """A key that only looks like ours is none of our business."""
    await rig.raw("HSET", "{ez:other}:hold:x", "amount", 1)
    assert await rig.judged() == []
