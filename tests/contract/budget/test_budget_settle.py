"""Settling: real spending takes the place of the hold, once, whoever says it; what nobody settles counts as spent."""

from __future__ import annotations

import msgspec
import pytest
from tests.contract.budget.money import BudgetRig

from ezaigents.budget import BudgetRefused, HoldSettled, Settled
from ezaigents.errors import InputError
from ezaigents.records import Usage


async def test_what_was_spent_takes_the_place_of_what_was_held(rig: BudgetRig) -> None:
    """In every scope: the reservation goes, the real cost is counted, with the call and its tokens."""
    name = await rig.held(100, run=1_000)
    usage = Usage(input=10, cache_read=200, cache_write=3_000, output=40, reasoning=5)
    assert await rig.budget.settle(name, 60, usage) == Settled(held=100, spent=60)
    states = await rig.budget.overview()
    assert len(states) == 5
    assert {(s.spent, s.reserved, s.calls, s.input_tokens, s.output_tokens) for s in states} == {(60, 0, 1, 3_210, 40)}


async def test_a_call_may_cost_more_than_was_held(rig: BudgetRig) -> None:
    """Real spending is real: it is counted whole, and the next call finds less."""
    await rig.budget.settle(await rig.held(100, task=100), 130)
    with pytest.raises(BudgetRefused) as refused:
        await rig.reserve(rig.name(), 1, task=100)
    assert (refused.value.spent, refused.value.left) == (130, 0)


async def test_a_hold_is_settled_once(rig: BudgetRig) -> None:
    """Said again, even otherwise, it answers as before and counts nothing more."""
    name = await rig.held(100)
    await rig.budget.settle(name, 60)
    before = await rig.everything()
    assert await rig.budget.settle(name, 60) == Settled(held=100, spent=60)
    assert await rig.budget.settle(name, 99, Usage(input=5)) == Settled(held=100, spent=60)
    assert await rig.budget.settle(name, None) == Settled(held=100, spent=60)
    assert await rig.everything() == before


async def test_an_unknown_outcome_costs_all_that_was_held(rig: BudgetRig) -> None:
    """Where nobody knows what a call cost, it counts in full, as a call."""
    assert await rig.budget.settle(await rig.held(100), None) == Settled(held=100, spent=100)
    state = await rig.budget.scope("all")
    assert (state.spent, state.reserved, state.calls) == (100, 0, 1)


async def test_a_call_that_was_not_made_gives_all_back(rig: BudgetRig) -> None:
    """Nothing is spent, and it is no call."""
    assert await rig.budget.settle(await rig.held(100), 0) == Settled(held=100, spent=0)
    state = await rig.budget.scope("all")
    assert (state.spent, state.reserved, state.calls) == (0, 0, 0)


async def test_whoever_holds_the_task_by_now_settles_nothing_of_others(rig: BudgetRig) -> None:
    """A call of an older claim is settled by its own name after a newer one has begun: both count, each once."""
    older = msgspec.structs.replace(rig.name(), fence=7)
    newer = msgspec.structs.replace(older, fence=8)
    await rig.reserve(older, 100)
    await rig.reserve(newer, 50)
    await rig.budget.settle(newer, 20)
    await rig.budget.settle(older, 90)
    assert (await rig.money())["all"] == (110, 0)


async def test_a_crash_between_reserving_and_settling_costs_the_hold(rig: BudgetRig) -> None:
    """A hold that nobody settles is reserved until its time has come, and spent from then on."""
    name = await rig.held(100, task=100)
    with pytest.raises(BudgetRefused) as refused:
        await rig.reserve(rig.name(), 1, task=100)
    assert (refused.value.spent, refused.value.reserved) == (0, 100)
    await rig.time_comes(name)
    assert await rig.budget.lapse() == 1
    state = await rig.budget.scope("task:t1")
    assert (state.spent, state.reserved, state.calls) == (100, 0, 1)
    assert await rig.budget.lapse() == 0


async def test_the_next_call_ends_what_was_forgotten(rig: BudgetRig) -> None:
    """No sweep is needed: reserving and settling end some holds whose time has come, and never their own."""
    first, second = await rig.held(100), await rig.held(10)
    await rig.time_comes(first)
    third = await rig.held(1)
    assert (await rig.money())["all"] == (100, 11)
    await rig.time_comes(second, third)
    assert await rig.budget.settle(third, 0) == Settled(held=1, spent=0)
    assert (await rig.money())["all"] == (110, 0)


async def test_one_call_does_not_end_all_that_was_forgotten(rig: BudgetRig) -> None:
    """However many there are, a call beside does little; the sweep ends the rest."""
    names = [await rig.held(1) for _ in range(250)]
    await rig.time_comes(*names)
    await rig.held(1)
    assert (await rig.money())["all"] == (10, 241)
    assert await rig.budget.lapse() == 240
    assert (await rig.money())["all"] == (250, 1)


@pytest.mark.parametrize("spent", [0, 40, 100, 170, None])
async def test_a_hold_settled_after_its_time_is_corrected(rig: BudgetRig, spent: int | None) -> None:
    """It counted in full; what it really cost replaces that, up or down, in every scope, and once."""
    name = await rig.held(100, run=1_000)
    await rig.time_comes(name)
    await rig.budget.lapse()
    usage = Usage(input=7, output=8) if spent else None
    told = await rig.budget.settle(name, spent, usage)
    real = 100 if spent is None else spent
    assert told == Settled(held=100, spent=real)
    assert await rig.budget.settle(name, 1, usage) == told
    states = await rig.budget.overview()
    calls = 1 if real else 0
    tokens = 7 if spent else 0
    assert {(s.spent, s.reserved, s.calls, s.input_tokens) for s in states} == {(real, 0, calls, tokens)}


async def test_a_reservation_repeated_after_its_time_answers_as_before(rig: BudgetRig) -> None:
    """The engine was away for long: the call goes on under what it was granted, and its settling corrects it."""
    name = rig.name()
    assert await rig.reserve(name, 500, least=1, task=130) == 130
    await rig.time_comes(name)
    assert await rig.reserve(name, 500, least=1, task=130) == 130
    await rig.budget.settle(name, 30)
    assert (await rig.money())["all"] == (30, 0)


async def test_an_unknown_hold_settles_nothing_and_is_never_held(rig: BudgetRig) -> None:
    """Settled before its reservation arrives, that comes too late and is refused: nothing stays set aside."""
    name = rig.name()
    assert await rig.budget.settle(name, 50) == Settled(held=0, spent=0, known=False)
    assert await rig.budget.settle(name, 50) == Settled(held=0, spent=0, known=False)
    with pytest.raises(HoldSettled):
        await rig.reserve(name, 100)
    assert await rig.money() == {}


async def test_how_a_hold_ended_is_known_for_an_hour(rig: BudgetRig) -> None:
    """What answers repeated calls does not stay for ever."""
    name = await rig.held(100)
    await rig.budget.settle(name, 60)
    life_ms = await rig.raw("PTTL", rig.keys.settled(str(name)))
    assert 0 < life_ms <= 3_600_000
    await rig.raw("DEL", rig.keys.settled(str(name)))
    assert not (await rig.budget.settle(name, 60)).known
    assert (await rig.money())["all"] == (60, 0)


@pytest.mark.parametrize("spent", [-1, 2**50 + 1, True, 0.5])
async def test_what_is_no_money_is_refused(rig: BudgetRig, spent: int) -> None:
    """Only whole micro-dollars are counted."""
    name = await rig.held(100)
    with pytest.raises(InputError, match="spent"):
        await rig.budget.settle(name, spent)
    assert (await rig.money())["all"] == (0, 100)


async def test_a_damaged_hold_stops_nobody(rig: BudgetRig) -> None:
    """One that lost its record when its time comes is dropped; the others end as they should."""
    lost, kept = await rig.held(5), await rig.held(7)
    await rig.raw("DEL", rig.keys.hold(str(lost)))
    await rig.raw("ZADD", rig.keys.holds(), 1, str(lost))
    await rig.time_comes(kept)
    assert await rig.budget.lapse() == 2
    assert (await rig.money())["all"] == (7, 5)
    rig.dirty = True
