"""Waiting for file leases: in line, woken, never in a circle, never for the dead."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack

import pytest
from tests.contract.queue.rig import Rig
from tests.contract.team.lease_rig import LONG_S, TTL_S, LeaseRig
from tests.engines import Engine
from tests.leaks import until

from ezaigents.engine import Connection
from ezaigents.errors import EngineDown, LimitReached
from ezaigents.queue import Queue
from ezaigents.team.lease_records import Holder, LeaseBusy, NotHolder
from ezaigents.team.leases import FileLeases

SOON_S = 4.0
"""Who was told asks before this; who was not, after five seconds."""


@pytest.fixture
def rig(engine: Engine) -> LeaseRig:
    return LeaseRig(engine)


async def _asked(rig: Rig) -> int:
    """How often scripts were called since the last CONFIG RESETSTAT."""
    stats = (await rig.raw("INFO", "commandstats")).decode()
    return sum(
        int(line.partition("calls=")[2].partition(",")[0])
        for line in stats.splitlines()
        if line.startswith("cmdstat_eval")
    )


async def test_a_waiter_is_woken_by_the_release(rig: LeaseRig) -> None:
    """It asks when it comes and when it is told, and not in between: nothing polls."""
    first, second = await rig.holders(2)
    await rig.take(first, "src/**")
    async with rig.elsewhere(listening=True) as leases:
        waiting = rig.waiter(leases, second, ["src/a"])
        await rig.in_line(second.task)
        await rig.leases.release(second)  # from here on the engine knows every script
        await rig.raw("CONFIG", "RESETSTAT")
        await rig.leases.release(first)
        async with asyncio.timeout(SOON_S):
            grant = await waiting
        assert await _asked(rig) == 2
        assert await leases.verify(grant)
    assert await rig.leases.waiting() == []


async def test_a_waiter_that_hears_nothing_comes_when_the_lease_ends(rig: LeaseRig) -> None:
    """Without anybody who listens, the end of what is in the way is a timer."""
    first, second = await rig.holders(2)
    await rig.leases.acquire(first, ["a"], ttl_s=0.3)
    before = time.monotonic()
    await rig.leases.acquire(second, ["a"], ttl_s=TTL_S, wait_s=LONG_S)
    assert time.monotonic() - before < SOON_S
    assert await rig.held() == {"a": second.task}


async def test_who_waits_is_shown(rig: LeaseRig) -> None:
    """Who, for what, since when, until when, and because of whom."""
    first, second = await rig.holders(2)
    await rig.take(first, "b")
    waiting = rig.waiter(rig.leases, second, ["a", "b"], wait_s=20)
    await rig.in_line(second.task)
    (one,) = await rig.leases.waiting()
    assert (one.task, one.agent, one.patterns, one.blocked_by) == (second.task, "null", ("a", "b"), first.task)
    assert 19_000 < one.deadline_ms - one.since_ms <= 20_000
    await rig.leases.release(first)
    rig.leases.on_heard()
    await waiting


async def test_nobody_passes_an_earlier_waiter(rig: LeaseRig) -> None:
    """Who asks for a path that somebody waits for stands behind him, though it is free; other paths are not kept."""
    holder, first, second, third = await rig.holders(4)
    await rig.take(holder, "a")
    async with rig.elsewhere() as leases:
        waiters = []
        for one, patterns in ((first, ["a", "b"]), (second, ["b", "c/*"]), (third, ["c/1"])):
            waiters.append(rig.waiter(leases, one, patterns))
            await until(lambda: rig.stands_in_line(len(waiters)))
        with pytest.raises(LeaseBusy, match="in front") as busy:
            await rig.take(await rig.holder(), "b")
        assert busy.value.task == first.task
        await rig.take(await rig.holder(), "d")
        for served, before in enumerate((holder, first, second)):
            await rig.leases.release(before)
            leases.on_heard()
            await waiters[served]
            leases.on_heard()
            await rig.in_line(*[one.task for one in (first, second, third)[served + 1 :]])


async def test_nobody_waits_for_what_is_his(rig: LeaseRig) -> None:
    """Who holds a folder takes and prolongs what is in it at once, though somebody else stands in line for that."""
    first, second = await rig.holders(2)
    await rig.take(first, "src/**")
    waiting = rig.waiter(rig.leases, second, ["src/a"])
    await rig.in_line(second.task)
    await rig.take(first, "src/**", "src/a")
    with pytest.raises(LeaseBusy):
        await rig.take(await rig.holder(), "src/**")
    await rig.leases.release(first)
    rig.leases.on_heard()
    await waiting


async def test_a_wait_ends_at_its_deadline(rig: LeaseRig) -> None:
    """Then it is told who was in the way and how long it waited, and stands in line no more."""
    first, second = await rig.holders(2)
    await rig.take(first, "a")
    before = time.monotonic()
    with pytest.raises(LeaseBusy, match=r"waited 0\.2 s") as busy:
        await rig.leases.acquire(second, ["a"], ttl_s=TTL_S, wait_s=0.2)
    assert 0.2 <= time.monotonic() - before < SOON_S
    assert busy.value.task == first.task
    assert await rig.everything_of_the_line() == []


async def test_a_waiter_whose_process_died_keeps_nobody(rig: LeaseRig) -> None:
    """What is not heard of for 15 seconds, or past its deadline, is gone from the line."""
    first, dead, second = await rig.holders(3)
    await rig.take(first, "a")
    await rig.asks_and_dies(dead, ["a"], wait_ms=60_000)
    await rig.asks_and_dies(dead, ["a"], wait_ms=3_000)
    late, soon = await rig.silence_left_ms()
    assert 3_000 < late <= 15_000
    assert soon <= 3_000
    await rig.leases.release(first)
    with pytest.raises(LeaseBusy):
        await rig.take(second, "a")
    await rig.silence_is_over()
    await rig.take(second, "a")
    assert await rig.everything_of_the_line() == []


async def test_a_waiter_whose_task_ended_keeps_nobody(rig: LeaseRig) -> None:
    """Others pass it at once, and it is told when it asks again."""
    first, over, second = await rig.holders(3)
    await rig.take(first, "a")
    async with rig.elsewhere() as leases:
        waiting = rig.waiter(leases, over, ["a"])
        await rig.in_line(over.task)
        await rig.leases.release(first)
        await rig.task_ends(over)
        await rig.take(second, "a")
        leases.on_heard()
        with pytest.raises(NotHolder):
            await waiting


async def test_a_cancelled_waiter_leaves_the_line(rig: LeaseRig) -> None:
    """Those behind it are woken and served."""
    first, second, third = await rig.holders(3)
    await rig.take(first, "a")
    async with rig.elsewhere(listening=True) as leases:
        waiting = rig.waiter(leases, second, ["a", "b"])
        await rig.in_line(second.task)
        behind = rig.waiter(leases, third, ["b"])
        await rig.in_line(second.task, third.task)
        waiting.cancel()
        async with asyncio.timeout(SOON_S):
            await behind
        assert await rig.held() == {"a": first.task, "b": third.task}
        assert await rig.leases.waiting() == []
        assert waiting.cancelled()


async def test_a_cancelled_caller_keeps_nothing(rig: LeaseRig) -> None:
    """What it is granted after it was cancelled is given back; what it held before, it still holds."""
    holder = await rig.holder()
    await rig.take(holder, "a")
    await rig.raw("SCRIPT", "FLUSH")
    await rig.leases.release(holder, ["b"])  # known to the engine again, unlike what takes: that needs a second message
    asking = rig.waiter(rig.leases, holder, ["a", "b"])
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await rig.leases.close()
    assert await rig.held() == {"a": holder.task}


async def test_who_holds_does_not_wait(rig: LeaseRig) -> None:
    """It is told at once, and why: two that hold and wait for each other would wait for ever."""
    first, second = await rig.holders(2)
    await rig.take(first, "a")
    await rig.take(second, "b")
    for one, pattern in ((first, "b"), (second, "a")):
        with pytest.raises(LeaseBusy) as busy:
            await rig.leases.acquire(one, [pattern], ttl_s=TTL_S, wait_s=LONG_S)
        assert busy.value.reason == "a holder does not wait while it holds"
        assert busy.value.reason in str(busy.value)


async def test_who_comes_to_hold_while_waiting_waits_no_more(rig: LeaseRig) -> None:
    """Not even by asking twice at once does a holder come to wait."""
    first, second = await rig.holders(2)
    await rig.take(first, "a")
    waiting = rig.waiter(rig.leases, second, ["a"])
    await rig.in_line(second.task)
    await rig.take(second, "b")
    rig.leases.on_heard()
    with pytest.raises(LeaseBusy, match="does not wait"):
        await waiting
    assert await rig.leases.waiting() == []


async def test_everybody_comes_to_an_end(rig: LeaseRig) -> None:
    """20 holders that ask for random sets, and for more while they hold, all finish: no circle, nobody forgotten."""
    files = [str(number) for number in range(6)]

    async def work(leases: FileLeases, holder: Holder, seed: int) -> None:
        choose = random.Random(seed)
        left = 3
        while left:
            await leases.acquire(holder, choose.sample(files, 2), ttl_s=TTL_S, wait_s=LONG_S)
            try:
                await leases.acquire(holder, choose.sample(files, 2), ttl_s=TTL_S, wait_s=LONG_S)
                left -= 1
            except LeaseBusy:
                pass
            await leases.release(holder)

    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(rig.elsewhere(listening=True)) for _ in range(3)]
        holders = await rig.holders(20)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for number, holder in enumerate(holders):
                group.create_task(work(processes[number % 3], holder, number))
    assert await rig.everything() == {b"locks": []}


async def test_the_line_has_an_end(rig: LeaseRig) -> None:
    """1,000 may wait; who comes then is refused with words, and those who stand in it may ask again."""
    first, second = await rig.holders(2)
    await rig.take(first, "a")
    for _ in range(999):
        await rig.asks_and_dies(second, ["a"], wait_ms=60_000)
    last = rig.waiter(rig.leases, second, ["a"])
    await until(lambda: rig.stands_in_line(1000))
    with pytest.raises(LimitReached, match="1000 waits"):
        await rig.leases.acquire(second, ["a"], ttl_s=TTL_S, wait_s=LONG_S)
    rig.leases.on_heard()
    for _ in range(2):
        await rig.leases.held()  # behind the question of the last in line, on the same connection
    assert not last.done()
    await rig.silence_is_over()
    await rig.leases.release(first)
    rig.leases.on_heard()
    await last


async def test_listening_that_failed_is_begun_again_at_the_next_wait(rig: LeaseRig) -> None:
    """Until it succeeded once; meanwhile nobody asks faster, and afterwards whoever gives back is heard."""
    holder, *others = await rig.holders(4)
    tried: list[str] = []

    async def listen() -> None:
        tried.append("")
        if len(tried) == 1:
            raise EngineDown("no engine answers")
        await connection.listen(channel=rig.keys.unlocked())

    def on_heard(channel: str, text: str) -> None:
        leases.on_heard()

    async with Connection(rig.engine.address, on_heard=on_heard) as connection:
        queue = Queue(connection, rig.keys)
        leases = FileLeases(queue, listen=listen)
        await rig.take(holder, "a")
        with pytest.raises(LeaseBusy):
            await leases.acquire(others[0], ["a"], ttl_s=TTL_S, wait_s=0.1)
        assert len(tried) == 1
        waiting = [rig.waiter(leases, other, ["a"]) for other in others[1:]]
        await rig.in_line(*[other.task for other in others[1:]])
        for former, waiter in zip([holder, others[1]], waiting, strict=True):
            await rig.leases.release(former)
            async with asyncio.timeout(SOON_S):
                await waiter
        assert len(tried) == 2
        await queue.close()


@pytest.mark.parametrize("way", ["a", "?", "the line"])
async def test_who_asks_again_looks_at_few_leases(rig: LeaseRig, way: str) -> None:
    """Beside a thousand leases: at those of its own paths and those with wildcards, before who is in front in line."""
    first, second, third, other = await rig.holders(4)
    await rig.take(other, *[f"other/{number}" for number in range(990)], *[f"others/{number}/*" for number in range(9)])
    await rig.take(first, way if way != "the line" else "a")
    if way == "the line":
        await rig.asks_and_dies(second, ["a"], wait_ms=60_000)
    waiting = rig.waiter(rig.leases, third, ["a", "b"])
    await rig.in_line(*[second.task] * (way == "the line"), third.task)
    if way == "the line":
        await rig.leases.release(first)
    await rig.raw("CONFIG", "RESETSTAT")
    rig.leases.on_heard()
    await until(lambda: _has_asked(rig, 1))
    stats = (await rig.raw("INFO", "commandstats")).decode()
    assert 0 < int(stats.partition("cmdstat_hmget:calls=")[2].partition(",")[0]) < 30
    assert not waiting.done()
    await rig.silence_is_over()
    await rig.leases.release(first)
    rig.leases.on_heard()
    await waiting


async def test_who_comes_to_hold_in_silence_waits_no_more(rig: LeaseRig) -> None:
    """Also where nothing was heard for so long of its first request that it was all but forgotten."""
    first, second = await rig.holders(2)
    await rig.take(first, "a")
    waiting = rig.waiter(rig.leases, second, ["a"])
    await rig.in_line(second.task)
    await rig.take(second, "b")
    await rig.silence_is_over()
    rig.leases.on_heard()
    with pytest.raises(LeaseBusy, match="does not wait"):
        await waiting


async def test_who_asks_again_waits_for_a_wildcard_too(rig: LeaseRig) -> None:
    """One of its paths came free, the other is beneath a pattern that somebody holds."""
    first, second, third = await rig.holders(3)
    await rig.take(first, "a")
    await rig.take(second, "src/*")
    waiting = rig.waiter(rig.leases, third, ["a", "src/b"])
    await rig.in_line(third.task)
    await rig.leases.release(first)
    rig.leases.on_heard()
    await until(lambda: _is_blocked_by(rig, second.task))
    assert not waiting.done()
    await rig.leases.release(second)
    rig.leases.on_heard()
    await waiting


async def _has_asked(rig: LeaseRig, times: int) -> bool:
    return await _asked(rig) >= times


async def _is_blocked_by(rig: LeaseRig, task: str) -> bool:
    return [one.blocked_by for one in await rig.leases.waiting()] == [task]
