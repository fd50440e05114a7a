"""File leases: who may change what, until when, and what becomes of those that were lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase

import msgspec
import pytest
from tests.contract.queue.rig import held
from tests.contract.team.lease_rig import LONG_S, PLACE, TTL_S, LeaseRig
from tests.engines import Engine

from ezaigents.errors import InputError, LimitReached
from ezaigents.records import PatchState
from ezaigents.team.lease_records import APPLY, Grant, Holder, LeaseBusy, NotHolder
from ezaigents.team.leases import FileLeases


@pytest.fixture
def rig(engine: Engine) -> LeaseRig:
    return LeaseRig(engine)


async def _lost(rig: LeaseRig, grant: Grant) -> None:
    """Whatever the holder of this grant does, it is told so, and changes nothing."""
    before = await rig.everything()
    assert await rig.leases.renew([grant], TTL_S) == ["LOST"]
    assert not await rig.leases.verify(grant)
    await rig.leases.release(grant.holder, grant.patterns)
    await rig.leases.release(grant.holder)
    assert await rig.everything() == before


async def test_a_lease_shuts_others_out_and_says_who_has_it(rig: LeaseRig) -> None:
    """A path is one holder's at a time; the other is told pattern, task, agent, how long, and where to look."""
    first, second = await rig.holders(2)
    await rig.take(first, "src/a.py")
    with pytest.raises(LeaseBusy) as busy:
        await rig.take(second, "src/a.py")
    error = busy.value
    assert (error.pattern, error.task, error.agent, error.reason) == ("src/a.py", first.task, "null", "")
    assert 0 < error.ends_in_s <= TTL_S
    assert all(part in str(error) for part in ("src/a.py", first.task, "null", "ez locks"))
    assert error.retryable
    await rig.take(second, "src/b.py", "src/A.py")


async def test_all_or_none(rig: LeaseRig) -> None:
    """One taken path is enough: of the others none is leased."""
    first, second = await rig.holders(2)
    await rig.take(first, "m")
    with pytest.raises(LeaseBusy):
        await rig.take(second, "a", "m", "z")
    assert await rig.held() == {"m": first.task}


async def test_a_grant_says_what_was_given(rig: LeaseRig) -> None:
    """Patterns in order and once each, a fence above all before it, and an end that is not after the engine's."""
    holder, other = await rig.holders(2)
    before = time.monotonic()
    grant = await rig.take(holder, "b", "a", "b")
    assert grant.patterns == ("a", "b")
    assert before + TTL_S <= grant.ends_at <= time.monotonic() + TTL_S
    fences = {lease.pattern: lease.fence for lease in await rig.leases.held()}
    assert holder.fence < fences["a"] < fences["b"] == grant.fence < (await rig.take(other, "c")).fence
    (lease,) = [lease for lease in await rig.leases.held() if lease.pattern == "a"]
    assert (lease.place, lease.agent, lease.claim, lease.verb) == (PLACE, "null", holder.fence, "task")
    assert lease.until_ms - lease.since_ms == TTL_S * 1000


async def test_the_same_holder_again_prolongs(rig: LeaseRig) -> None:
    """Asked again the answer is the same, the end is later, never sooner, and what is new comes to it."""
    holder = await rig.holder()
    grant = await rig.leases.acquire(holder, ["a"], ttl_s=5)
    again = await rig.take(holder, "a")
    assert again.fence == grant.fence
    (lease,) = await rig.leases.held()
    await rig.leases.acquire(holder, ["a"], ttl_s=1)
    assert (await rig.leases.held())[0].until_ms == lease.until_ms
    more = await rig.take(holder, "a", "b")
    assert more.fence > grant.fence
    assert await rig.leases.verify(grant)
    assert await rig.held() == {"a": holder.task, "b": holder.task}


async def test_places_do_not_meet(rig: LeaseRig) -> None:
    """The same path in two workspaces is two leases."""
    first, second = await rig.holders(2)
    await rig.take(first, "a", "src/**")
    await rig.take(msgspec.structs.replace(second, place="p9"), "a", "src/**")
    assert [lease.pattern for lease in await rig.leases.held()].count("a") == 2
    await rig.leases.release(first)
    assert {lease.place for lease in await rig.leases.held()} == {"p9"}


async def test_a_pattern_and_what_it_covers_are_one(rig: LeaseRig) -> None:
    """Whoever holds a folder holds its files, in whichever order they are asked for; its holder may take them too."""
    first, second = await rig.holders(2)
    await rig.take(first, "src/**")
    for pattern in ("src/a/b.py", "src/*.py", "**/b.py", "s?c/x"):
        with pytest.raises(LeaseBusy):
            await rig.take(second, pattern)
    await rig.take(second, "src.py", "docs/*")
    for pattern in ("docs/a.md", "**"):
        with pytest.raises(LeaseBusy):
            await rig.take(first, pattern)
    await rig.take(second, "docs/b")
    await rig.take(first, "src/a.py")


async def test_released_leases_are_free_at_once(rig: LeaseRig) -> None:
    """By name or all of them, as often as one likes; what others hold stays theirs."""
    first, second = await rig.holders(2)
    await rig.take(first, "a", "b", "c")
    await rig.take(second, "d")
    await rig.leases.release(first, ["a", "d"])
    assert await rig.held() == {"b": first.task, "c": first.task, "d": second.task}
    for _ in range(2):
        await rig.leases.release(first)
        assert await rig.held() == {"d": second.task}
    await rig.leases.release(second, [])
    assert await rig.held() == {"d": second.task}


async def test_renewing_prolongs_many_grants_in_one_call(rig: LeaseRig) -> None:
    """Each grant has its own answer, and the end of those that hold is moved."""
    first, second = await rig.holders(2)
    grants = [
        await rig.leases.acquire(first, ["a", "b"], ttl_s=5),
        await rig.leases.acquire(second, ["c"], ttl_s=5),
    ]
    await rig.leases_end("c")
    assert await rig.leases.renew(grants, TTL_S) == ["OK", "LOST"]
    now_ms = await rig.engine_ms()
    assert all(lease.until_ms > now_ms + 30_000 for lease in await rig.leases.held())
    assert await rig.leases.renew([], TTL_S) == []
    assert not await rig.leases.verify(msgspec.structs.replace(grants[0], holder=second))


async def test_a_frozen_holder_is_taken_over(rig: LeaseRig) -> None:
    """A lease that nobody renewed is anybody's; its former holder can neither renew nor release it, nor write."""
    frozen, other = await rig.holders(2)
    grant = await rig.take(frozen, "a", "b")
    await rig.leases_end("a")
    taken = await rig.take(other, "a")
    assert taken.fence > grant.fence
    before = await rig.everything()
    assert await rig.leases.renew([grant], TTL_S) == ["LOST"]
    assert not await rig.leases.verify(grant)
    assert await rig.everything() == before
    await rig.leases.release(frozen)
    await _lost(rig, grant)
    assert await rig.leases.verify(taken)


async def test_a_lease_past_its_end_is_lost_even_where_nobody_wants_it(rig: LeaseRig) -> None:
    """Nobody knows what happened in between, so it is not brought back to life by a late renewal."""
    holder = await rig.holder()
    grant = await rig.take(holder, "a")
    await rig.leases_end("a")
    assert await rig.held() == {}
    assert await rig.leases.renew([grant], TTL_S) == ["LOST"]
    assert not await rig.leases.verify(grant)
    again = await rig.take(holder, "a")
    assert await rig.leases.renew([grant, again], TTL_S) == ["LOST", "OK"]
    assert not await rig.leases.verify(grant)


@pytest.mark.parametrize("way", ["ended", "reaped"])
async def test_a_task_that_is_over_holds_nothing(rig: LeaseRig, way: str) -> None:
    """Its leases are free at once, long before their end; it gets no new ones."""
    over, other = await rig.holders(2)
    grant = await rig.take(over, "a")
    if way == "ended":
        await rig.task_ends(over)
    else:
        await rig.crash(over.task)
    assert await rig.held() == {}
    await rig.take(other, "a")
    await _lost(rig, grant)
    with pytest.raises(NotHolder):
        await rig.take(over, "b")
    assert await rig.held() == {"a": other.task}


async def test_an_older_claim_of_the_same_task_holds_nothing(rig: LeaseRig) -> None:
    """The attempt that came back from the dead does not meddle with the leases of the one that took its place."""
    old = await rig.holder()
    grant = await rig.take(old, "a")
    await rig.crash(old.task)
    (claim,) = await rig.claim()
    assert claim.id == old.task
    new = await rig.take(Holder(PLACE, claim.id, held(claim).fence), "a")
    await _lost(rig, grant)
    with pytest.raises(NotHolder):
        await rig.take(old, "a")
    assert await rig.leases.verify(new)


async def test_an_apply_holds_while_it_is_under_way(rig: LeaseRig) -> None:
    """It takes its leases first; they stand alone for five seconds, and then only while the patch is `applying`."""
    early, slow = await rig.applying(), await rig.applying()
    await rig.take(early, "a")
    await rig.take(slow, "b")
    assert await rig.held() == {"a": early.task, "b": slow.task}
    await rig.moves(early, PatchState.APPLYING)
    await rig.grow_older(5_000)
    assert await rig.held() == {"a": early.task}
    other = await rig.holder()
    await rig.take(other, "b")
    with pytest.raises(LeaseBusy, match="patch of task"):
        await rig.take(other, "a")
    await rig.moves(early, PatchState.APPLIED)
    assert await rig.held() == {"b": other.task}


async def test_an_apply_that_was_overtaken_holds_nothing(rig: LeaseRig) -> None:
    """Only the newest apply of a patch is at work on it."""
    old = await rig.applying()
    await rig.take(old, "a")
    await rig.moves(old, PatchState.APPLYING)
    new = msgspec.structs.replace(old, fence=await rig.queue.new_fence())
    await rig.moves(new, PatchState.APPLYING)
    await rig.grow_older(5_000)
    assert await rig.held() == {}
    await rig.take(new, "a")


async def test_a_task_and_an_apply_of_its_patch_are_two_holders(rig: LeaseRig) -> None:
    """Whoever applies an earlier patch of a task that runs again does not share its leases."""
    task = await rig.holder()
    apply = Holder(PLACE, task.task, await rig.queue.new_fence(), APPLY)
    await rig.take(apply, "a")
    with pytest.raises(LeaseBusy):
        await rig.take(task, "a")
    await rig.leases.release(task)
    assert await rig.held() == {"a": task.task}
    await rig.leases.release(apply)
    await rig.take(task, "a")


async def test_an_apply_that_begins_too_late_holds_nothing(rig: LeaseRig) -> None:
    """Leases that lapsed and were passed on, be it under another pattern, do not come back with the transition."""
    late, other = await rig.applying(), await rig.holder()
    grant = await rig.take(late, "src/a", "src/b")
    await rig.grow_older(5_000)
    await rig.take(other, "src/*")
    await rig.moves(late, PatchState.APPLYING)
    assert await rig.held() == {"src/*": other.task}
    await _lost(rig, grant)


async def test_what_is_outside_the_workspace_is_refused(rig: LeaseRig) -> None:
    """Before the engine is asked: nothing is leased, and the field is named."""
    holder = await rig.holder()
    for pattern in ("../a", "/etc/passwd", "a/../../b", ""):
        with pytest.raises(InputError) as refusal:
            await rig.take(holder, "fine", pattern)
        assert refusal.value.field == "pattern"
    with pytest.raises(InputError):
        await rig.leases.acquire(holder, ["a"], ttl_s=3601)
    assert await rig.everything() == {b"locks": []}


async def test_names_come_back_as_they_were_given(rig: LeaseRig) -> None:
    """Names that are not UTF-8, and those with a backslash, are told apart and shown as the system has them."""
    first, second = await rig.holders(2)
    names = ["a\udcff.py", "a\\udcff.py", "ü/ü"]
    grant = await rig.take(first, *names)
    assert set(grant.patterns) == set(await rig.held()) == set(names)
    with pytest.raises(LeaseBusy) as busy:
        await rig.take(second, "a\udcff.py")
    assert busy.value.pattern == "a\udcff.py"
    await rig.leases.release(first, names)


async def test_there_is_a_limit_to_what_is_held(rig: LeaseRig) -> None:
    """1,000 leases a holder and 10,000 in all; refused with words, and nothing is leased then."""
    *many, last = await rig.holders(11)
    for number, holder in enumerate(many):
        await rig.take(holder, *[f"{number}/{i}" for i in range(1000)])
    with pytest.raises(LimitReached, match=r"10000.*ez locks"):
        await rig.take(last, "one/more")
    await rig.leases.release(many[0])
    with pytest.raises(LimitReached, match="1000 file leases of one holder"):
        await rig.take(many[1], "1/more")
    with pytest.raises(LimitReached):
        await rig.take(last, *map(str, range(1001)))
    await rig.take(last, "one/more")
    assert len(await rig.leases.held()) == 9001
    await rig.leases.release(last)


_PATHS = [f"d{folder}/{name}" for folder in range(3) for name in range(5)]
_PATTERNS = [*_PATHS, "d0/*", "d?/1", "**/2", "d1/**"]


def _covered(patterns: Sequence[str]) -> set[str]:
    return {path for path in _PATHS for pattern in patterns if fnmatchcase(path, pattern.replace("**", "*"))}


async def test_holders_exclude_each_other_whatever_they_ask_for(rig: LeaseRig) -> None:
    """20 holders over four connections, overlapping sets of paths and patterns: no path is ever two holders'."""
    owners: dict[str, str] = {}

    async def work(leases: FileLeases, holder: Holder, seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(6):
            patterns = choose.sample(_PATTERNS, choose.randint(1, 3))
            grant = await leases.acquire(holder, patterns, ttl_s=TTL_S, wait_s=LONG_S)
            mine = _covered(patterns)
            assert not mine & owners.keys(), f"{mine & owners.keys()} has two owners"
            owners.update(dict.fromkeys(mine, holder.task))
            assert await leases.verify(grant)
            for path in mine:
                del owners[path]
            await leases.release(holder)

    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(rig.elsewhere(listening=True)) for _ in range(4)]
        holders = await rig.holders(20)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for number, holder in enumerate(holders):
                group.create_task(work(processes[number % 4], holder, number))
    assert await rig.everything() == {b"locks": []}
