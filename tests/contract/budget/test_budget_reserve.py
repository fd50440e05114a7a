"""Setting money aside: in every scope or in none, once, and never more than any limit leaves."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.contract.budget.money import TTL_S, BudgetRig, limits, short

from ezaigents.budget import Budget, BudgetRefused, HoldName, HoldSettled, Limits
from ezaigents.errors import EngineFull, InputError
from ezaigents.queue import Queue
from ezaigents.records import Usage

SCOPES = {"task:t1", "run:r1", "agent:claude", "day", "all"}


async def test_a_hold_counts_in_every_scope(rig: BudgetRig) -> None:
    """What is set aside for a call is reserved of its task, run, agent, day and of everything, with their limits."""
    await rig.held(30)
    name = rig.name()
    await rig.budget.reserve(
        name,
        agent="claude",
        run="r1",
        amount=12,
        least=12,
        limits=Limits(task=100, run=200, agent=300, day=400, total=500),
        ttl_s=TTL_S,
    )
    seen = {short(state): state for state in await rig.budget.overview()}
    assert {scope: state.reserved for scope, state in seen.items()} == {
        "task:t1": 42, "run:r1": 12, "agent:claude": 42, "day": 42, "all": 42,
    }  # fmt: skip
    assert [seen[scope].limit for scope in ("task:t1", "run:r1", "agent:claude", "day", "all")] == [
        100, 200, 300, 400, 500,
    ]  # fmt: skip


async def test_a_run_without_a_limit_has_no_scope(rig: BudgetRig) -> None:
    """A limit of 0 of a run means that it has none of its own."""
    await rig.held(1)
    assert set(await rig.money()) == SCOPES - {"run:r1"}


async def test_a_call_of_no_task_counts_in_none(rig: BudgetRig) -> None:
    """It is held for and settled in the agent's day, the day and everything, and leaves no scope of its own."""
    held = await rig.held(30, task=None)
    assert await rig.money() == {"agent:claude": (0, 30), "day": (0, 30), "all": (0, 30)}
    await rig.budget.settle(held, 12)
    assert await rig.money() == {"agent:claude": (12, 0), "day": (12, 0), "all": (12, 0)}


async def test_a_call_of_no_task_that_nobody_settles_ends_as_spent(rig: BudgetRig) -> None:
    """Whoever took its hold may be gone: what it held is free again for nobody, and reserved no more."""
    held = await rig.held(30, task=None)
    await rig.time_comes(held)
    assert await rig.budget.lapse() == 1
    assert await rig.money() == {"agent:claude": (30, 0), "day": (30, 0), "all": (30, 0)}


@pytest.mark.parametrize("which", ["task", "run", "agent", "day", "total"])
async def test_a_call_that_does_not_fit_is_refused_by_each_limit(rig: BudgetRig, which: str) -> None:
    """The refusal names the scope, its limit, and what is spent and reserved of it; nothing is set aside anywhere."""
    given: dict[str, Any] = {which: 100}
    await rig.budget.settle(await rig.held(30, **given), 25)
    await rig.held(40, **given)
    before = await rig.everything()
    with pytest.raises(BudgetRefused) as refused:
        await rig.reserve(rig.name(), 36, **given)
    assert await rig.everything() == before
    error = refused.value
    assert error.scope.partition(":")[0] == {"total": "all"}.get(which, which)
    assert (error.limit, error.spent, error.reserved, error.wanted, error.left) == (100, 25, 40, 36, 35)
    assert await rig.reserve(rig.name(), 35, **given) == 35


async def test_the_tightest_limit_is_named(rig: BudgetRig) -> None:
    """Where several refuse, the one that leaves least is told."""
    with pytest.raises(BudgetRefused) as refused:
        await rig.reserve(rig.name(), 100, task=50, day=20, total=30)
    assert refused.value.scope.startswith("day:")


async def test_two_hundred_at_once_get_exactly_what_there_is(rig: BudgetRig) -> None:
    """Of 200 calls over four connections whose sum exceeds the rest, as many pass as fit, to the last micro-dollar."""
    amount, rest = 1_000, 57 * 1_000 + 999
    await rig.budget.settle(await rig.held(5_000, total=5_000 + rest), 5_000)
    async with AsyncExitStack() as stack:
        budgets = [await stack.enter_async_context(rig.elsewhere()) for _ in range(4)]
        calls = [
            rig.reserve(rig.name(f"t{number}"), amount, budget=budgets[number % 4], total=5_000 + rest)
            for number in range(200)
        ]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(answer == amount for answer in answers) == 57
    assert sum(isinstance(answer, BudgetRefused) for answer in answers) == 143
    assert (await rig.money())["all"] == (5_000, 57_000)


async def test_two_hundred_that_may_shrink_use_up_the_rest(rig: BudgetRig) -> None:
    """Where less would do, the last ones get what is left, and nothing of it stays unused or is given twice."""
    calls = [rig.reserve(rig.name(f"t{number}"), 1_000, least=1, total=57_999) for number in range(200)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    granted = [answer for answer in answers if isinstance(answer, int)]
    assert sorted(granted) == [999] + [1_000] * 57
    assert (await rig.money())["all"] == (0, 57_999)


async def test_a_call_may_shrink_to_what_fits(rig: BudgetRig) -> None:
    """It is granted the largest amount that fits, and refused below the least that will do."""
    assert await rig.reserve(rig.name(), 500, least=100, task=130) == 130
    with pytest.raises(BudgetRefused):
        await rig.reserve(rig.name(), 500, least=100, task=229)
    assert await rig.reserve(rig.name(), 500, least=100, task=230) == 100


async def test_a_least_of_nothing_is_not_a_grant_of_nothing(rig: BudgetRig) -> None:
    """A paid call is never told that it may go on with no money at all."""
    with pytest.raises(BudgetRefused):
        await rig.reserve(rig.name(), 500, least=0, task=0)


@pytest.mark.parametrize("which", ["task", "agent", "day", "total"])
async def test_a_limit_of_zero_lets_no_paid_call_pass(rig: BudgetRig, which: str) -> None:
    """Not even one of a single micro-dollar."""
    given: dict[str, Any] = {which: 0}
    with pytest.raises(BudgetRefused):
        await rig.reserve(rig.name(), 1, **given)
    assert await rig.money() == {}


async def test_a_free_call_always_passes_and_is_counted(rig: BudgetRig) -> None:
    """A model on one's own machine works without any budget, even in one that is overdrawn; its tokens are counted."""
    await rig.budget.settle(await rig.held(10), 50)
    name = rig.name()
    assert await rig.reserve(name, 0, task=0, agent=0, day=0, total=20) == 0
    await rig.budget.settle(name, 0, Usage(input=3, cache_read=4, output=5))
    state = await rig.budget.scope("all")
    assert (state.spent, state.calls, state.input_tokens, state.output_tokens) == (50, 2, 7, 5)


async def test_a_repeated_reservation_is_one(rig: BudgetRig) -> None:
    """Asked again under the same name, even for another amount, it answers as before and sets nothing more aside."""
    name = rig.name()
    assert await rig.reserve(name, 500, least=100, task=130) == 130
    before = await rig.everything()
    assert await rig.reserve(name, 500, least=100, task=130) == 130
    assert await rig.reserve(name, 7) == 130
    assert await rig.everything() == before


async def test_a_name_is_not_used_again_after_its_call(rig: BudgetRig) -> None:
    """A second call under the name of a settled one would be paid by nobody: it is refused."""
    name = await rig.held(10)
    await rig.budget.settle(name, 4)
    with pytest.raises(HoldSettled, match="try number"):
        await rig.reserve(name, 10)
    assert (await rig.money())["all"] == (4, 0)


async def test_a_cancelled_caller_holds_nothing(rig: BudgetRig) -> None:
    """Whoever goes away while his reservation is under way has it given back, whichever comes first."""
    calls = [asyncio.ensure_future(rig.reserve(rig.name(), 10)) for _ in range(50)]
    for number, call in enumerate(calls):
        await asyncio.sleep(0)
        if number % 2:
            await asyncio.wait([call], timeout=0.0005)
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    passed = sum(not call.cancelled() for call in calls)
    await rig.budget.close()
    assert (await rig.money()).get("all", (0, 0)) == (0, 10 * passed)


async def test_a_limit_that_was_lowered_counts_at_once(rig: BudgetRig) -> None:
    """The limit is that of the call, not one from before; what is held already stays."""
    await rig.held(80, day=100)
    with pytest.raises(BudgetRefused) as refused:
        await rig.reserve(rig.name(), 1, day=50)
    assert refused.value.left == 0
    assert await rig.reserve(rig.name(), 1, day=81) == 1


async def test_large_amounts_are_exact(rig: BudgetRig) -> None:
    """Near the largest amounts that there can be, a single micro-dollar still decides."""
    most = 2**50
    await rig.held(most - 1, task=most, agent=most, day=most, total=most)
    with pytest.raises(BudgetRefused):
        await rig.reserve(rig.name(), 2, task=most, agent=most, day=most, total=most)
    assert await rig.reserve(rig.name(), 1, task=most, agent=most, day=most, total=most) == 1


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("task", {"name": HoldName("a b", 1, 1, 1)}),
        ("task", {"name": HoldName("", 1, 1, 1)}),
        ("agent", {"agent": "a\n"}),
        ("agent", {"agent": ""}),
        ("run", {"run": "r 1"}),
        ("amount", {"amount": -1}),
        ("amount", {"amount": 2**50 + 1}),
        ("amount", {"amount": 1.5}),
        ("least", {"least": 11}),
        ("ttl_s", {"ttl_s": 0}),
        ("ttl_s", {"ttl_s": float("nan")}),
        ("limits", {"limits": limits(task=-1)}),
    ],
)
async def test_what_cannot_be_stored_is_refused(rig: BudgetRig, field: str, given: dict[str, object]) -> None:
    """Each argument that the scripts could not keep exactly is named, and nothing is written."""
    plain = {
        "name": rig.name(),
        "agent": "claude",
        "run": "r",
        "amount": 10,
        "least": 10,
        "limits": limits(),
        "ttl_s": 1,
    }
    merged = plain | given
    name = merged.pop("name")
    with pytest.raises(InputError) as refused:
        await rig.budget.reserve(name, **merged)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert await rig.everything() == {key.encode(): [] for key in (rig.keys.budgets(), rig.keys.holds())}


async def test_a_full_engine_takes_no_holds_and_still_settles(rig: BudgetRig) -> None:
    """Setting aside adds and is refused; settling frees, and must be possible."""
    name = await rig.held(10)
    await rig.raw("CONFIG", "SET", "maxmemory", "1")
    short_queue = Queue(rig.connection, rig.keys, patience_s=0.05)
    with pytest.raises(EngineFull):
        await rig.reserve(rig.name(), 10, budget=Budget(short_queue, rig.home))
    assert (await rig.budget.settle(name, 4)).spent == 4
    await rig.raw("CONFIG", "SET", "maxmemory", "0")
    assert (await rig.money())["all"] == (4, 0)
