"""What time and operators bring: reaping, suspects, deadlines, purging, reviving, sweeping."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.queue.rig import LANE, LONG_MS, Rig, held, wait_until

from ezaigents.policy import CrashPolicy
from ezaigents.records import Answer, Result, TaskState

QUARANTINE = LANE + "!"


async def test_a_lease_ends_by_the_engines_clock(rig: Rig) -> None:
    """A task whose holder is silent for one lease is ready again, with its crash counted, and not before."""
    task_id = await rig.one()
    (claim,) = await rig.claim(lease_ms=40)

    async def reaped() -> bool:
        return bool(await rig.queue.reap(CrashPolicy()))

    await wait_until(reaped)
    assert await rig.engine_ms() >= claim.lease_until_ms
    task = await rig.task(task_id)
    assert (task.state, task.crashes, task.solo_crashes, task.attempts) == ("ready", 1, 0, 0)


async def test_living_leases_are_left(rig: Rig) -> None:
    """Reaping takes only what is over, and at most as many as asked."""
    ids = await rig.submit(3)
    await rig.claim(3)
    await rig.lease_ends(*ids[:2])
    assert len(await rig.queue.reap(CrashPolicy(), most=1)) == 1
    assert len(await rig.queue.reap(CrashPolicy())) == 1
    assert await rig.queue.reap(CrashPolicy()) == []
    assert (await rig.counts())["leased"] == 1


async def test_a_dead_hosts_claims_are_taken_back_at_once(rig: Rig) -> None:
    """Reaping by owner does not wait for the leases, and leaves other hosts alone."""
    await rig.submit(3)
    mine = await rig.claim(2, host="dead")
    await rig.claim(1, host="alive")
    assert dict(await rig.queue.reap(CrashPolicy(), owner="dead")) == {c.id: TaskState.READY for c in mine}
    assert (await rig.counts())["leased"] == 1


async def test_a_suspect_runs_alone_and_dies_of_three_lonely_crashes(rig: Rig) -> None:
    """After its second crash a task waits in the quarantine lane; only crashes there count towards its death."""
    task_id = await rig.one()
    lanes = []
    for _ in range(5):
        (lane,) = (await rig.sweep()).lanes
        lanes.append(lane)
        assert [claim.id for claim in await rig.claim(lane=lane)] == [task_id]
        await rig.crash(task_id)
    assert lanes == [LANE, LANE, QUARANTINE, QUARANTINE, QUARANTINE]
    task = await rig.task(task_id)
    assert (task.state, task.error, task.crashes, task.solo_crashes) == ("dead", "crashed", 5, 3)
    assert (task.agent, task.place) == ("null", "p0")


async def test_the_neighbours_of_a_poison_task_survive(rig: Rig) -> None:
    """100 good tasks that crash beside one poison task end done; only the poison dies."""
    ids = await rig.submit(101)
    poison = ids[50]
    for _ in range(2):
        claims = await rig.claim(200)
        await rig.crash(*[claim.id for claim in claims])
    while lanes := (await rig.sweep()).lanes:
        (claim,) = await rig.claim(1, lane=lanes[0])
        if claim.id == poison:
            await rig.crash(poison)
        else:
            await rig.finish(held(claim))
    assert await rig.counts() == {"accepted": 101, "done": 100, "dead": 1}
    assert await rig.state(poison) == "dead"


async def test_a_suspect_that_is_retried_stays_in_quarantine(rig: Rig) -> None:
    """An error, a release or a delay does not make a suspect an ordinary task."""
    task_id = await rig.one()
    for _ in range(2):
        await rig.hold(task_id)
        await rig.crash(task_id)
    await rig.queue.release([await rig.hold(task_id, lane=QUARANTINE)])
    await rig.queue.retry([(await rig.hold(task_id, lane=QUARANTINE), LONG_MS, "e")])
    await rig.delay_ends(task_id)
    await rig.queue.promote()
    assert (await rig.sweep()).lanes == (QUARANTINE,)


async def test_a_task_cancelled_under_a_dead_host_ends_cancelled(rig: Rig) -> None:
    """Reaping ends what was to be cancelled, even on the lonely crash that would have made it dead."""
    task_id = await rig.one()
    for lane in (LANE, LANE, QUARANTINE, QUARANTINE):
        await rig.hold(task_id, lane=lane)
        await rig.crash(task_id)
    await rig.hold(task_id, lane=QUARANTINE)
    await rig.queue.cancel([task_id])
    assert await rig.crash(task_id) == {task_id: TaskState.CANCELLED}


@pytest.mark.parametrize("state", ["ready", "delayed", "blocked"])
async def test_a_waiting_task_dies_at_its_deadline(rig: Rig, state: str) -> None:
    """A deadline kills what nobody holds, with reason `deadline`, and its children follow."""
    parent = await rig.one()
    await rig.hold(parent)
    waiting: dict[str, dict[str, Any]] = {"delayed": {"delay_ms": LONG_MS}, "blocked": {"parents": (parent,)}}
    task_id = await rig.one(deadline_ms=await rig.engine_ms() + LONG_MS, **waiting.get(state, {}))
    child = await rig.one(parents=(task_id,))
    assert await rig.state(task_id) == state
    await rig.deadline_passes(task_id)
    await rig.settle_children()
    task = await rig.task(task_id)
    assert (task.state, task.error) == ("dead", "deadline")
    assert await rig.state(child) == "dead"
    assert (await rig.sweep()).lanes == ()


async def test_a_task_whose_delay_and_deadline_have_both_passed_leaves_no_lane_behind(rig: Rig) -> None:
    """One look makes it ready and ends it: its lane is not among those with work, or hosts would ask in vain."""
    task_id = await rig.one(delay_ms=LONG_MS, deadline_ms=await rig.engine_ms() + LONG_MS)
    await rig.delay_ends(task_id)
    await rig.deadline_passes(task_id)
    await rig.queue.promote(10)
    assert await rig.state(task_id) == "dead"
    assert (await rig.sweep()).lanes == ()


async def test_a_deadline_comes_by_itself(rig: Rig) -> None:
    """The sweep names a deadline as the next thing due, and promote acts on it when it has come."""
    deadline_ms = await rig.engine_ms() + 60
    task_id = await rig.one(deadline_ms=deadline_ms)
    assert (await rig.sweep()).next_due_ms == deadline_ms

    async def dead() -> bool:
        await rig.queue.promote()
        return await rig.state(task_id) == "dead"

    await wait_until(dead)
    assert await rig.engine_ms() >= deadline_ms


async def test_the_holder_is_told_of_the_deadline_once(rig: Rig) -> None:
    """A leased task is left to its holder, which hears of it on its channel; the sweep does not spin on it."""
    task_id = await rig.one(deadline_ms=9_000_000_000_000)
    claim = await rig.hold(task_id, host="h3")
    await rig.deadline_passes(task_id)
    async with rig.listening(rig.keys.control("h3")) as heard:
        await rig.queue.promote()
        await rig.queue.promote()
    assert heard == [f"deadline {task_id} {claim.fence}"]
    assert (await rig.sweep()).next_due_ms == int(await rig.raw("ZSCORE", rig.keys.leased(), task_id))


async def test_promote_drops_what_an_index_holds_wrongly(rig: Rig) -> None:
    """A stray in the delayed or deadline index neither stops the others nor changes its task."""
    done, good = await rig.submit(2, delay_ms=LONG_MS)
    await rig.delay_ends(done)
    await rig.queue.promote()
    await rig.finish(await rig.hold(done))
    await rig.raw("ZADD", rig.keys.delayed(), 1, done, 2, "0" * 18)
    await rig.raw("ZADD", rig.keys.deadlines(), 1, done, 2, "0" * 18)
    await rig.delay_ends(good)
    await rig.settle_children()
    assert await rig.states([done, good]) == ["done", "ready"]


async def test_promote_does_as_many_as_asked_and_says_that_more_is_left(rig: Rig) -> None:
    """Work is cut into batches, so that one call never holds the engine for long."""
    ids = await rig.submit(5, delay_ms=LONG_MS)
    for task_id in ids:
        await rig.delay_ends(task_id)
    assert await rig.queue.promote(2)
    assert (await rig.counts())["ready"] == 2
    await rig.settle_children()
    assert (await rig.counts())["ready"] == 5


async def test_purge_forgets_ended_tasks_with_all_that_is_theirs(rig: Rig) -> None:
    """Record, index entry, idempotency key and, with the last of its tasks, the run; open tasks are left."""
    run = rig.new_run()
    specs = [rig.spec(run, key=f"k{number}") for number in range(3)]
    await rig.queue.submit(specs, run=run)
    done, cancelled, waiting = (spec.id for spec in specs)
    await rig.finish(await rig.hold(done))
    await rig.queue.cancel([cancelled])
    assert await rig.queue.ended_ids(0, -1) == [done, cancelled]
    assert await rig.queue.purge([done, cancelled, waiting, "0" * 18]) == 2
    assert await rig.queue.purge([done, cancelled]) == 0
    assert await rig.counts() == {"accepted": 3, "purged": 2, "ready": 1}
    assert await rig.queue.run(run.id) is not None
    await rig.queue.fail([(await rig.hold(waiting), "e")])
    assert await rig.queue.purge([waiting]) == 1
    assert await rig.queue.run(run.id) is None
    kept = {key.decode() for key in await rig.raw("KEYS", "*")}
    assert kept == {rig.keys.counters(), rig.keys.sequence(), rig.keys.fence(), rig.keys.events(), rig.keys.claim("h1")}


async def test_purge_keeps_what_children_still_need(rig: Rig) -> None:
    """A task whose children are to be told, or wait for its second life, is not purged; later it is."""
    parent = await rig.one()
    child = await rig.one(parents=(parent,))
    await rig.queue.finish([(await rig.hold(parent), Result())])
    assert await rig.queue.purge([parent]) == 0
    await rig.queue.cancel([child])
    assert await rig.queue.purge([parent]) == 0
    await rig.assert_clean()
    await rig.settle_children()
    assert await rig.queue.purge([parent]) == 1


async def test_the_sweep_says_what_is_to_be_purged(rig: Rig) -> None:
    """By age and by number: the older of what ended is to go when either is over its limit."""
    ids = await rig.submit(4)
    for task_id in ids:
        await rig.finish(await rig.hold(task_id))
    assert (await rig.sweep()).to_purge == 0
    assert (await rig.queue.sweep(3_600_000, 1)).to_purge == 3
    oldest = int(await rig.raw("ZSCORE", rig.keys.ended(), ids[0]))
    assert (await rig.sweep()).next_purge_ms == oldest + 3_600_000
    await rig.raw("ZADD", rig.keys.ended(), 5, ids[0])
    assert (await rig.sweep()).to_purge == 1


async def test_an_idle_sweep_has_nothing_to_wait_for(rig: Rig) -> None:
    """An empty queue names no time at which to look."""
    sweep = await rig.sweep()
    assert (sweep.next_due_ms, sweep.next_purge_ms, sweep.fanout, sweep.to_purge, sweep.lanes) == (
        None, None, False, 0, (),
    )  # fmt: skip
    assert abs(sweep.now_ms - await rig.engine_ms()) < 5_000


@pytest.mark.parametrize("end", ["dead", "cancelled", "skipped", "crashed"])
async def test_an_operators_retry_starts_over(rig: Rig, end: str) -> None:
    """A revived task has all its attempts, no flag, no deadline and its ordinary lane; asked again, still OK."""
    parent = await rig.one()
    task_id = await rig.one(payload="in", deadline_ms=9_000_000_000_000, max_attempts=1)
    if end == "dead":
        await rig.queue.retry([(await rig.hold(task_id), 0, "e")])
    elif end == "crashed":
        for lane in (LANE, LANE, QUARANTINE, QUARANTINE, QUARANTINE):
            await rig.hold(task_id, lane=lane)
            await rig.crash(task_id)
    elif end == "cancelled":
        await rig.hold(task_id)
        await rig.queue.cancel([task_id])
        await rig.crash(task_id)
    else:
        task_id = await rig.one(parents=(parent,), payload="in")
        await rig.raw("HSET", rig.keys.task(task_id), "rule", "skip")
        await rig.finish_otherwise(parent)
    assert await rig.state(task_id) == {"crashed": "dead"}.get(end, end)
    await rig.queue.revive([parent])
    for _ in range(2):
        assert (await rig.queue.revive([task_id]))[0] is Answer.OK
    if end == "skipped":
        await rig.finish(await rig.hold(parent))
    task = await rig.task(task_id)
    assert (task.state, task.attempts, task.crashes, task.solo_crashes) == ("ready", 0, 0, 0)
    assert (task.cancel_requested, task.deadline_ms, task.error, task.ended_ms) == (False, 0, "", 0)
    claims = await rig.claim(9)
    assert [claim.payload for claim in claims if claim.id == task_id] == ["in"]


async def test_what_is_done_or_open_is_not_revived(rig: Rig) -> None:
    """Reviving answers STALE for done and open tasks, GONE for unknown ones."""
    done, waiting = await rig.submit(2)
    await rig.finish(await rig.hold(done))
    answers = await rig.queue.revive([done, waiting, "0" * 18])
    assert [answer.value for answer in answers] == ["STALE", "STALE", "GONE"]


async def test_run_counts_follow_every_end(rig: Rig) -> None:
    """A run knows how its tasks ended, also when one is revived."""
    run = rig.new_run()
    done, dead, cancelled, _waiting = await rig.submit(4, run=run)
    await rig.finish(await rig.hold(done))
    await rig.queue.fail([(await rig.hold(dead), "e")])
    await rig.queue.cancel([cancelled])
    await rig.queue.revive([dead])
    stored = await rig.queue.run(run.id)
    assert stored is not None
    counts = stored.counts
    assert (counts.total, counts.done, counts.dead, counts.cancelled, counts.open) == (4, 1, 0, 1, 2)


async def test_every_move_is_an_event(rig: Rig) -> None:
    """Dashboards are told of each state with run and ids, at most 8 ids an entry."""
    run = rig.new_run()
    ids = await rig.submit(10, run=run)
    await rig.finish(await rig.hold(ids[0]))
    entries = [fields for _, fields in await rig.raw("XRANGE", rig.keys.events(), "-", "+")]
    told = [(fields[1].decode(), fields[5].decode().split()) for fields in entries]
    assert told[:2] == [("ready", ids[:8]), ("ready", ids[8:])]
    assert told[-1] == ("done", ids[:1])
    assert {fields[3].decode() for fields in entries} == {run.id}
