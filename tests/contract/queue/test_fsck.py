"""fsck: each invariant broken by hand is named, mended from the records, and nothing else changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.contract.queue.breaking import BREAKS, STRANGER, Named
from tests.contract.queue.rig import LANE, Rig, held
from tests.contract.queue.scene import everything

from ezaigents.codec import to_pack
from ezaigents.errors import RetryLater
from ezaigents.queue import load_scripts
from ezaigents.queue.fsck import INVARIANTS, check, repair
from ezaigents.queue.fsck.check import stamp
from ezaigents.records import OnParentFailure, Result


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


async def test_strays_are_named_even_where_the_numbers_agree(rig: Rig) -> None:
    """One task missing and one too many leave an index's size as it should be; both are named at once."""
    (task_id,) = await rig.submit(1)
    await rig.raw("ZREM", rig.keys.ready(LANE), task_id)
    await rig.raw("ZADD", rig.keys.ready(LANE), 3, STRANGER)
    findings = (await check(rig.queue)).broken()["ready"].findings
    assert {finding.what for finding in findings} == {task_id, STRANGER}
    await repair(rig.queue)


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
