"""The check of this room: whatever is broken by hand is named, and what is only not yet tidied away is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.contract.queue.rig import PAST_MS
from tests.contract.team.lease_rig import LeaseRig
from tests.engines import Engine

from ezaigents.team.fsck import judge_team

Break = Callable[[LeaseRig, str], Awaitable[object]]
_FAR_MS = 9_000_000_000_000


@pytest.fixture
def rig(engine: Engine) -> LeaseRig:
    return LeaseRig(engine)


async def _rival(rig: LeaseRig, name: str) -> None:
    """A second lease that covers what the first does, as no script would give it."""
    taken = await rig.take(await rig.holder(), "docs/x")
    for lease in await rig.raw("ZRANGE", rig.keys.locks(), 0, -1):
        key = rig.keys.lock(lease.decode())
        if await rig.raw("HGET", key, "fence") == str(taken.fence).encode():
            await rig.raw("HSET", key, "pattern", "src/a")


async def _two_with_one_fence(rig: LeaseRig, name: str) -> None:
    await rig.take(await rig.holder(), "docs/x")
    for lease in await rig.raw("ZRANGE", rig.keys.locks(), 0, -1):
        await rig.raw("HSET", rig.keys.lock(lease.decode()), "fence", "7")


BREAKS: dict[str, tuple[str, Break]] = {
    "not in the index": ("is not in locks", lambda rig, name: rig.raw("ZREM", rig.keys.locks(), name)),
    "no record": ("no such lease", lambda rig, name: rig.raw("DEL", rig.keys.lock(name))),
    "two ends": ("ends at", lambda rig, name: rig.raw("ZADD", rig.keys.locks(), _FAR_MS, name)),
    "no fence": ("no fence", lambda rig, name: rig.raw("HDEL", rig.keys.lock(name), "fence")),
    "a fence from nowhere": (
        "highest",
        lambda rig, name: rig.raw("HSET", rig.keys.lock(name), "fence", _FAR_MS * 1000),
    ),
    "two with one fence": ("has fence 7, as", _two_with_one_fence),
    "two holders of one path": ("of another holder", _rival),
    "not in the line": (
        "is not in wants",
        lambda rig, name: rig.raw("HSET", rig.keys.want("t1"), "task", "x"),
    ),
}


@pytest.mark.parametrize("way", BREAKS)
async def test_what_is_broken_is_named(rig: LeaseRig, way: str) -> None:
    """Each finding is of the invariant `locks`, with the key and what is wrong with it."""
    rig.dirty = True
    await rig.take(await rig.holder(), "src/*")
    assert await rig.judged() == []
    (name,) = await rig.raw("ZRANGE", rig.keys.locks(), 0, -1)
    said, make = BREAKS[way]
    await make(rig, name.decode())
    found: list[tuple[str, str, str]] = []
    await judge_team(rig.queue, lambda *finding: found.append(finding))
    assert found
    assert {invariant for invariant, _, _ in found} == {"locks"}
    assert all(what.startswith(("lock:", "want:")) for _, what, _ in found)
    assert any(said in text for _, _, text in found)


async def test_what_ended_and_was_not_tidied_away_is_in_order(rig: LeaseRig) -> None:
    """What ended, with or without its record, and who is silent in line, is left for whoever asks next."""
    first, second, third = await rig.holders(3)
    await rig.take(first, "past", "gone")
    await rig.leases_end("past", "gone")
    (name, *_) = await rig.raw("ZRANGE", rig.keys.locks(), 0, -1)
    await rig.raw("DEL", rig.keys.lock(name.decode()))
    await rig.take(second, "src/*")
    await rig.asks_and_dies(third, ["src/a"], wait_ms=60_000)
    await rig.silence_is_over()
    await rig.raw("ZADD", rig.keys.locks(), PAST_MS, "0123456789abcdef")
    await rig.task_ends(second)
    assert await rig.judged() == []
    await rig.take(third, "src/*")
    assert await rig.judged() == []
    assert await rig.raw("ZCARD", rig.keys.locks()) == 1
    assert await rig.everything_of_the_line() == []


async def test_the_check_may_run_beside_work(rig: LeaseRig) -> None:
    """Leases that come and go between two looks are not taken for broken ones."""
    holder = await rig.holder()
    async with rig.elsewhere() as leases:

        async def work() -> None:
            while True:
                await leases.acquire(holder, ["a", "b/*"], ttl_s=60)
                await leases.release(holder)

        working = asyncio.ensure_future(work())
        for _ in range(100):
            assert await rig.judged() == []
        working.cancel()
        await asyncio.wait([working])


async def test_other_namespaces_are_not_looked_at(rig: LeaseRig) -> None:
    """A key that only looks like ours is none of our business."""
    await rig.raw("HSET", "{ez:other}:lock:0123456789abcdef", "until", 1)
    assert await rig.judged() == []
