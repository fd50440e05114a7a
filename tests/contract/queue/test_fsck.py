"""fsck: each invariant broken by hand is named, mended from the records, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.contract.queue.rig import LANE, LONG_MS, Rig, held
from tests.contract.queue.scene import FAR_MS, everything

from ezaigents.codec import to_pack
from ezaigents.errors import RetryLater
from ezaigents.queue import load_scripts
from ezaigents.queue.fsck import INVARIANTS, check, repair
from ezaigents.queue.fsck.check import stamp
from ezaigents.records import OnParentFailure, Result

Named = dict[str, str]
Break = Callable[[Rig, Named], Awaitable[Any]]
BREAKS: dict[str, tuple[str, Break]] = {}
STRANGER = "0" * 18


def _breaks(invariant: str) -> Callable[[Break], Break]:
    """Register a way to break an invariant, by its function's name."""

    def register(make: Break) -> Break:
        BREAKS[make.__name__.strip("_")] = (invariant, make)
        return make

    return register


@_breaks("ready")
async def _ready_task_missing_in_its_lane(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.ready(LANE), named["ready"])


@_breaks("ready")
async def _ready_task_at_the_wrong_place(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ready(LANE), 3, named["ready too"])


@_breaks("ready")
async def _whole_lane_missing(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.ready(LANE))


@_breaks("ready")
async def _done_task_in_a_lane(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ready(LANE), 3, named["done"])


@_breaks("ready")
async def _ready_task_in_a_second_lane(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ready("other@p"), 3, named["ready"])


@_breaks("ready")
async def _unknown_task_in_a_lane(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ready(LANE), 3, STRANGER)


@_breaks("ready")
async def _one_missing_and_one_too_many(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.ready(LANE), named["ready"])
    await rig.raw("ZADD", rig.keys.ready(LANE), 3, STRANGER)


@_breaks("waiting")
async def _lane_missing_in_waiting(rig: Rig, named: Named) -> None:
    await rig.raw("SREM", rig.keys.waiting(), LANE)


@_breaks("waiting")
async def _empty_lane_in_waiting(rig: Rig, named: Named) -> None:
    await rig.raw("SADD", rig.keys.waiting(), "nobody@p")


@_breaks("delayed")
async def _delayed_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.delayed(), named["delayed"])


@_breaks("delayed")
async def _delayed_task_at_another_time(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.delayed(), FAR_MS, named["delayed"])


@_breaks("delayed")
async def _ready_task_in_delayed(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.delayed(), FAR_MS, named["ready"])


@_breaks("leased")
async def _done_task_in_leased(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.leased(), FAR_MS, named["done"])


@_breaks("leased")
async def _leased_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.leased(), named["leased too"])


@_breaks("blocked")
async def _blocked_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.blocked(), named["blocked"])


@_breaks("blocked")
async def _unknown_task_in_blocked(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.blocked(), 1, STRANGER)


@_breaks("ended")
async def _ended_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.ended(), named["skipped"])


@_breaks("ended")
async def _dead_task_in_ended(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.ended(), 1, named["dead"])


@_breaks("dead")
async def _dead_task_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.dead(), named["dead"])


@_breaks("dead")
async def _done_task_in_dead(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.dead(), 1, named["done"])


@_breaks("deadline")
async def _deadline_missing(rig: Rig, named: Named) -> None:
    await rig.raw("ZREM", rig.keys.deadlines(), named["blocked"])


@_breaks("deadline")
async def _another_deadline(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.deadlines(), 77, named["ready"])


@_breaks("deadline")
async def _deadline_of_a_task_that_has_none(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.deadlines(), FAR_MS, named["ready too"], FAR_MS, named["dead"])


@_breaks("quarantine")
async def _suspect_in_an_ordinary_lane(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.task(named["ready too"]), "crashes", 2)


@_breaks("quarantine")
async def _ordinary_task_in_quarantine(rig: Rig, named: Named) -> None:
    await rig.raw("HDEL", rig.keys.task(named["suspect"]), "crashes", "solo_crashes")


@_breaks("parents")
async def _child_missing_with_its_parent(rig: Rig, named: Named) -> None:
    await rig.raw("SREM", rig.keys.children(named["leased too"]), named["blocked"])


@_breaks("parents")
async def _waiter_missing_with_its_parent(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.waiters(named["dead"]))


@_breaks("parents")
async def _child_that_does_not_wait(rig: Rig, named: Named) -> None:
    await rig.raw("SADD", rig.keys.children(named["leased too"]), named["ready"])


@_breaks("parents")
async def _child_under_the_wrong_rule(rig: Rig, named: Named) -> None:
    await rig.raw("SADD", rig.keys.children(named["dead"]), named["waits"])


@_breaks("parents")
async def _child_of_an_unknown_parent(rig: Rig, named: Named) -> None:
    await rig.raw("SADD", rig.keys.children(STRANGER), named["ready"])


@_breaks("parents")
async def _open_parents_miscounted(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.task(named["blocked"]), "parents_open", 7)


@_breaks("parents")
async def _parent_that_does_not_know_of_its_children(rig: Rig, named: Named) -> None:
    await rig.raw("HDEL", rig.keys.task(named["leased too"]), "kids")


@_breaks("parents")
async def _fanout_forgotten(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.fanout())


@_breaks("parents")
async def _blocked_by_nothing(rig: Rig, named: Named) -> None:
    await rig.raw("HDEL", rig.keys.task(named["blocked"]), "parents")


@_breaks("fanout")
async def _open_task_in_fanout(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.fanout(), 1, named["ready"])


@_breaks("fanout")
async def _unknown_task_in_fanout(rig: Rig, named: Named) -> None:
    await rig.raw("ZADD", rig.keys.fanout(), 1, STRANGER)


@_breaks("keys")
async def _key_that_names_nothing(rig: Rig, named: Named) -> None:
    await rig.raw("SET", rig.keys.idempotency("nobody's"), f"{STRANGER}:0123456789abcdef")


@_breaks("keys")
async def _key_missing(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.idempotency("k-ready"))


@_breaks("keys")
async def _key_that_names_another_task(rig: Rig, named: Named) -> None:
    await rig.raw("SET", rig.keys.idempotency("k-ready"), f"{named['done']}:0123456789abcdef")


@_breaks("keys")
async def _two_tasks_with_one_key(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.task(named["ready too"]), "key", "k-ready", "body", "0" * 16)


@_breaks("fences")
async def _two_claims_with_one_fence(rig: Rig, named: Named) -> None:
    fence = await rig.raw("HGET", rig.keys.task(named["leased"]), "fence")
    await rig.raw("HSET", rig.keys.task(named["leased too"]), "fence", fence)


@_breaks("fences")
async def _fence_key_gone(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.fence())


@_breaks("sequence")
async def _sequence_behind_its_tasks(rig: Rig, named: Named) -> None:
    await rig.raw("SET", rig.keys.sequence(), "3")


@_breaks("sequence")
async def _sequence_gone(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.sequence())


@_breaks("counters")
async def _state_miscounted(rig: Rig, named: Named) -> None:
    await rig.raw("HINCRBY", rig.keys.counters(), "ready", 5)


@_breaks("counters")
async def _counters_gone(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.counters())


@_breaks("counters")
async def _unknown_counter(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.counters(), "happy", 1)


@_breaks("runs")
async def _run_total_wrong(rig: Rig, named: Named) -> None:
    task = await rig.task(named["ready"])
    await rig.raw("HINCRBY", rig.keys.run(task.run), "total", 2)


@_breaks("runs")
async def _run_outcome_wrong(rig: Rig, named: Named) -> None:
    task = await rig.task(named["ready"])
    await rig.raw("HSET", rig.keys.run(task.run), "dead", 0)


@_breaks("runs")
async def _run_gone(rig: Rig, named: Named) -> None:
    task = await rig.task(named["ready"])
    await rig.raw("DEL", rig.keys.run(task.run))


@_breaks("runs")
async def _run_without_tasks(rig: Rig, named: Named) -> None:
    await rig.raw("HSET", rig.keys.run(STRANGER), "at", 1, "total", 0)


@_breaks("life")
async def _task_that_would_expire(rig: Rig, named: Named) -> None:
    await rig.raw("PEXPIRE", rig.keys.task(named["ready"]), LONG_MS)


@_breaks("life")
async def _index_that_would_expire(rig: Rig, named: Named) -> None:
    await rig.raw("PEXPIRE", rig.keys.blocked(), LONG_MS)


@_breaks("life")
async def _claim_that_would_stay(rig: Rig, named: Named) -> None:
    await rig.raw("PERSIST", rig.keys.claim("h1"))


@_breaks("names")
async def _index_of_the_wrong_type(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.waiting())
    await rig.raw("SET", rig.keys.waiting(), "x")


@_breaks("lost")
async def _records_gone(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.task(named["ready"]), rig.keys.task(named["done"]))


@_breaks("lost")
async def _lost_parent(rig: Rig, named: Named) -> None:
    await rig.raw("DEL", rig.keys.task(named["leased too"]))


async def _records(rig: Rig, named: Named) -> dict[str, Any]:
    return {name: await rig.raw("HGETALL", rig.keys.task(task_id)) for name, task_id in named.items()}


@pytest.mark.parametrize("way", sorted(BREAKS))
async def test_what_is_broken_is_named_and_mended(rig: Rig, way: str) -> None:
    """check() names the invariant, repair() says what it changed, check() is clean, and a second repair finds nothing.

    Records that nobody broke are, field by field, what they were.
    """
    named = await everything(rig)
    await rig.assert_clean()
    invariant, make = BREAKS[way]
    before = await _records(rig, named)
    await make(rig, named)
    broken = await _records(rig, named)
    report = await check(rig.queue)
    assert not report.ok
    assert invariant in report.broken()
    assert report.broken()[invariant].findings[0].text
    said = await repair(rig.queue)
    assert said
    await rig.assert_clean()
    assert await repair(rig.queue) == []
    after = await _records(rig, named)
    touched = {name for name in named if after[name] != before[name]}
    assert touched <= {name for name in named if broken[name] != before[name]} | MAY_TOUCH.get(way, set())


MAY_TOUCH = {
    "two_claims_with_one_fence": {"leased"},
    "blocked_by_nothing": {"leased too"},
    "records_gone": {"done"},
}
"""Where the truth itself is contradictory, one of two records gives way."""


def test_every_invariant_is_broken_somewhere() -> None:
    """No invariant is only on paper; damaged records, which no repair can mend, have their own test."""
    assert {invariant for invariant, _ in BREAKS.values()} == set(INVARIANTS) - {"tasks"}


async def test_a_repaired_queue_goes_on(rig: Rig) -> None:
    """With every index, counter and run lost, repair brings back a queue that drains to the same end."""
    named = await everything(rig)
    for key in await rig.raw("KEYS", "*"):
        if not key.startswith(rig.keys.task("").encode()) and key.decode() != rig.keys.fence():
            await rig.raw("DEL", key)
    await repair(rig.queue)
    await rig.assert_clean()
    await rig.crash(named["leased"], named["leased too"])
    await rig.settle_children()
    for _ in range(20):
        for lane in (await rig.sweep()).lanes:
            for claim in await rig.claim(1, lane=lane):
                await rig.finish(held(claim))
    assert {"ready", "leased"}.isdisjoint(await rig.counts())
    assert await rig.states([named["blocked"], named["child"], named["leased"]]) == ["done", "done", "cancelled"]


@pytest.mark.parametrize("field", ["state", "run", "lane", "seq", "at"])
async def test_a_damaged_record_is_named_and_left_alone(rig: Rig, field: str) -> None:
    """What cannot be mended is told, repair does not make it worse, and the others are mended all the same."""
    rig.dirty = True
    named = await everything(rig)
    await rig.raw("HDEL", rig.keys.task(named["ready"]), field)
    await rig.raw("ZREM", rig.keys.ready(LANE), named["ready too"])
    damaged = await rig.raw("HGETALL", rig.keys.task(named["ready"]))
    await repair(rig.queue)
    assert await rig.raw("HGETALL", rig.keys.task(named["ready"])) == damaged
    broken = (await check(rig.queue)).broken()
    assert [finding.what for finding in broken["tasks"].findings] == [named["ready"]]
    assert named["ready too"] in [claim.id for claim in await rig.claim(9)]


async def test_a_record_of_the_wrong_type_is_named(rig: Rig) -> None:
    """A string where a task should be is a finding with its id, not a failure of fsck."""
    rig.dirty = True
    await rig.submit(3)
    await rig.raw("SET", rig.keys.task(STRANGER), "x")
    report = await check(rig.queue)
    assert [finding.what for finding in report.broken()["tasks"].findings] == [STRANGER]
    assert list(report.broken()) == ["tasks"]


async def test_a_foreign_key_is_named_and_not_touched(rig: Rig) -> None:
    """A key in our namespace that nothing of ours makes is reported; other namespaces are none of our business."""
    rig.dirty = True
    await rig.one()
    await rig.raw("SET", f"{rig.keys.prefix}mystery", "x")
    await rig.raw("SET", f"{rig.keys.prefix}t:mystery", "x")
    await rig.raw("SET", "{ez:other}:mystery", "x")
    report = await check(rig.queue)
    assert {finding.what for finding in report.broken()["names"].findings} == {"mystery", "t:mystery"}
    assert await repair(rig.queue) == []
    assert await rig.raw("EXISTS", f"{rig.keys.prefix}mystery", f"{rig.keys.prefix}t:mystery") == 2


async def test_lost_records_are_accounted_for_in_the_open(rig: Rig) -> None:
    """Hashes that are gone are a loud finding; repair says so and keeps their number for ever."""
    ids = await rig.submit(10)
    await rig.raw("DEL", *[rig.keys.task(task_id) for task_id in ids[:4]])
    broken = (await check(rig.queue)).broken()
    assert "4 tasks are missing" in broken["lost"].findings[0].text
    said = await repair(rig.queue)
    assert any("4 tasks are LOST" in line for line in said)
    assert await rig.raw("HGET", rig.keys.counters(), "lost") == b"4"
    await rig.assert_clean()
    assert await rig.counts() == {"accepted": 10, "ready": 6}
    await rig.submit(1)


async def test_a_lost_parent_fails_its_children(rig: Rig) -> None:
    """A child of a parent whose record is gone is not blocked for ever: after a repair its rule decides."""
    parent = await rig.one()
    children = {rule: await rig.one(parents=(parent,), on_parent_failure=rule) for rule in OnParentFailure}
    await rig.raw("DEL", rig.keys.task(parent))
    await repair(rig.queue)
    await rig.settle_children()
    assert {rule.value: await rig.state(child) for rule, child in children.items()} == {
        "fail": "dead", "skip": "skipped", "wait": "dead", "run": "ready",
    }  # fmt: skip


async def test_an_erased_engine_is_told_from_a_new_one(rig: Rig) -> None:
    """After FLUSHALL the engine knows of nothing: when the data folder remembers tasks, that is a loud finding."""
    await everything(rig)
    await rig.raw("FLUSHALL")
    assert (await check(rig.queue)).ok
    report = await check(rig.queue, remembered=True)
    assert "erased" in report.broken()["lost"].findings[0].text
    assert await repair(rig.queue) == []
    await rig.one()
    assert (await check(rig.queue, remembered=True)).ok


async def test_findings_are_bounded_and_counted(rig: Rig) -> None:
    """However much is wrong, a report keeps 20 findings of a kind and says how many there are."""
    await rig.submit(500)
    await rig.raw("DEL", rig.keys.ready(LANE))
    broken = (await check(rig.queue)).broken()
    assert (broken["ready"].found, len(broken["ready"].findings)) == (500, 20)
    assert len(await repair(rig.queue)) >= 500


async def test_an_empty_namespace_is_clean(rig: Rig) -> None:
    """Nothing at all is consistent, and every invariant is in the report."""
    report = await check(rig.queue)
    assert report.ok
    assert [invariant.name for invariant in report.invariants] == list(INVARIANTS)
    assert await repair(rig.queue) == []


async def test_a_check_changes_nothing(rig: Rig) -> None:
    """A check writes no key, whatever it finds."""
    rig.dirty = True
    named = await everything(rig)
    await rig.raw("HSET", rig.keys.task(named["ready"]), "crashes", 9)
    offset = await _writes(rig)
    await check(rig.queue)
    assert await _writes(rig) == offset


async def _writes(rig: Rig) -> str:
    said: str = (await rig.raw("INFO", "persistence")).decode()
    return next(line for line in said.splitlines() if line.startswith("rdb_changes_since_last_save"))


async def test_counters_are_not_written_while_tasks_move(rig: Rig) -> None:
    """The counters a repair counted are written only under the stamp they were counted under."""
    recount = load_scripts(names=("recount",))["recount"]
    ids = await rig.submit(2)
    old = await stamp(rig.queue, recount)
    await rig.queue.cancel(ids[:1])
    row = to_pack(("n", ["ready", "99"]))
    assert await rig.queue.run_script(recount, [old, row]) != b""
    moved = await stamp(rig.queue, recount)
    await rig.queue.purge(ids[:1])
    assert await rig.queue.run_script(recount, [moved, row]) != b""
    assert (await rig.counts())["ready"] == 1


async def test_a_busy_queue_is_checked_without_false_findings(rig: Rig) -> None:
    """Beside a host at work a check finds nothing wrong, and says that its sums could not be judged."""
    await rig.submit(3000)
    stop = False

    async def work() -> None:
        while not stop and (claims := await rig.claim(5)):
            await rig.queue.release([held(claim) for claim in claims[:2]])
            await rig.queue.finish([(held(claim), Result()) for claim in claims[2:]])

    worker = asyncio.ensure_future(work())
    report = await check(rig.queue)
    stop = True
    await worker
    assert report.ok, report.broken()
    assert report.moving
    assert {invariant.name for invariant in report.invariants if not invariant.judged} == {"lost", "counters", "runs"}


async def test_a_repair_gives_up_when_tasks_keep_moving(rig: Rig) -> None:
    """Beside hosts at work a repair says to stop them, rather than write counters that are wrong at once."""
    await rig.submit(1000)
    stop = False

    async def work() -> None:
        while not stop:
            await rig.queue.release([held(claim) for claim in await rig.claim(5)])

    worker = asyncio.ensure_future(work())
    with pytest.raises(RetryLater, match="ez down"):
        await repair(rig.queue)
    stop = True
    await worker
