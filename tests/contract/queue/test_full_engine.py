"""An engine whose memory is full: nothing is accepted, everything that frees goes on."""

from __future__ import annotations

import pytest
from tests.contract.queue.rig import LONG_MS, Rig, held

from ezaigents.errors import EngineFull
from ezaigents.policy import CrashPolicy
from ezaigents.records import Result, TaskState


async def _fill(rig: Rig) -> None:
    used = dict(line.split(":", 1) for line in (await rig.raw("INFO", "memory")).decode().split() if ":" in line)
    await rig.raw("CONFIG", "SET", "maxmemory", str(int(used["used_memory"]) // 2))


async def test_a_submit_is_refused_at_once_and_nothing_is_written(rig: Rig) -> None:
    """With its memory full the engine accepts nothing: EngineFull, no patience, no half of a batch."""
    await rig.submit(2)
    before = await rig.counts(), await rig.raw("DBSIZE"), await rig.raw("GET", rig.keys.sequence())
    await _fill(rig)
    with pytest.raises(EngineFull) as refusal:
        await rig.submit(3)
    assert refusal.value.exit_code == 4
    assert (await rig.counts(), await rig.raw("DBSIZE"), await rig.raw("GET", rig.keys.sequence())) == before


async def test_everything_that_ends_or_frees_goes_on(rig: Rig) -> None:
    """Claim, renew, finish, fail, retry, release, cancel, reap, promote, purge and sweep work on a full engine."""
    ids = await rig.submit(8)
    delayed = await rig.one(delay_ms=LONG_MS)
    await _fill(rig)
    claims = await rig.claim(6)
    assert await rig.queue.renew(LONG_MS, [held(claims[0])]) == [b"OK"]
    answers = await rig.queue.finish([(held(claims[0]), Result(summary="s" * 500))])
    answers += await rig.queue.fail([(held(claims[1]), "e" * 500)])
    answers += await rig.queue.retry([(held(claims[2]), LONG_MS, "e")])
    answers += await rig.queue.release([held(claims[3])])
    assert await rig.queue.cancel([ids[4], ids[6]]) == ["ASKED", "OK"]
    answers += await rig.queue.stop_cancelled([held(claims[4])])
    assert [answer.value for answer in answers] == ["OK"] * 5
    await rig.raw("CONFIG", "SET", "maxmemory", "0")
    await rig.lease_ends(ids[5])
    await rig.delay_ends(delayed)
    await _fill(rig)
    assert await rig.queue.reap(CrashPolicy()) == [(ids[5], TaskState.READY)]
    await rig.settle_children()
    assert len((await rig.sweep()).lanes) == 1
    assert await rig.queue.purge([ids[0], ids[1], ids[4], ids[6]]) == 4
    assert await rig.counts() == {"accepted": 9, "purged": 4, "ready": 4, "delayed": 1}


async def test_an_operators_retry_is_refused_at_once(rig: Rig) -> None:
    """Reviving adds work, so a full engine refuses it; the task stays as it was."""
    task_id = await rig.one()
    await rig.queue.cancel([task_id])
    await _fill(rig)
    with pytest.raises(EngineFull):
        await rig.queue.revive([task_id])
    assert await rig.state(task_id) == "cancelled"
