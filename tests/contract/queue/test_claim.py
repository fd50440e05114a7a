"""Claims: a lease and a fence at once, answered the same when asked again."""

from __future__ import annotations

import msgspec
from tests.contract.queue.rig import LANE, Rig, held

from ezaigents.engine import EngineRefusal
from ezaigents.records import Claim, Result


async def test_a_claim_is_a_lease_with_all_the_host_needs(rig: Rig) -> None:
    """What a claim says is what was submitted, and the lease ends when it says."""
    task_id = await rig.one(title="t", payload="p", deadline_ms=9_000_000_000_000)
    before = await rig.engine_ms()
    (claim,) = await rig.claim(5, host="h9", lease_ms=30_000)
    after = await rig.engine_ms()
    assert (claim.id, claim.agent, claim.place, claim.title, claim.payload) == (task_id, "null", "p0", "t", "p")
    assert (claim.attempt, claim.crashes, claim.deadline_ms) == (1, 0, 9_000_000_000_000)
    assert before + 30_000 <= claim.lease_until_ms <= after + 30_000
    task = await rig.task(task_id)
    assert (task.state, task.owner, task.fence) == ("leased", "h9", claim.fence)
    assert before - 1 <= task.started_ms <= after
    assert (await rig.sweep()).next_due_ms == claim.lease_until_ms
    assert (await rig.sweep()).lanes == ()


async def test_a_repeated_nonce_gets_the_same_claims(rig: Rig) -> None:
    """The answer to a lost answer is the same tasks, fences and lease ends, not more tasks."""
    await rig.submit(5)
    first = await rig.queue.claim("n", "h1", 30_000, [(LANE, 2)])
    assert await rig.queue.claim("n", "h1", 50_000, [(LANE, 2)]) == first
    assert (await rig.counts())["leased"] == 2


async def test_a_repeated_nonce_leaves_out_what_is_no_longer_held(rig: Rig) -> None:
    """A task that was settled, or claimed again by another, is not handed out by an old nonce."""
    await rig.submit(3)
    first = await rig.queue.claim("n", "h1", 30_000, [(LANE, 3)])
    await rig.finish(held(first[0]))
    await rig.queue.release([held(first[1])])
    await rig.claim(host="h2")
    assert await rig.queue.claim("n", "h1", 30_000, [(LANE, 3)]) == [first[2]]


async def test_another_host_may_use_the_same_nonce(rig: Rig) -> None:
    """Nonces are a host's own."""
    await rig.submit(2)
    first = await rig.queue.claim("n", "h1", 30_000, [(LANE, 1)])
    second = await rig.queue.claim("n", "h2", 30_000, [(LANE, 1)])
    assert {first[0].id} != {second[0].id}


async def test_one_call_fills_many_lanes(rig: Rig) -> None:
    """Each lane gives up to its own number; an empty one gives nothing."""
    run = rig.new_run()
    specs = [rig.spec(run, agent=agent) for agent in ("a", "a", "a", "b")]
    await rig.queue.submit(specs, run=run)
    claims = await rig.queue.claim("n", "h1", 30_000, [("a@p0", 2), ("b@p0", 2), ("c@p0", 2)])
    assert [claim.id for claim in claims] == [specs[0].id, specs[1].id, specs[3].id]
    assert (await rig.sweep()).lanes == ("a@p0",)


async def test_five_thousand_tasks_fit_one_claim_and_one_finish(rig: Rig) -> None:
    """The scripts have no list that Lua cannot unpack, however many tasks one call moves."""
    await rig.submit(5000)
    claims = await rig.claim(5000)
    answers = await rig.queue.release([held(claim) for claim in claims[:10]])
    answers += await rig.queue.finish([(held(claim), Result()) for claim in claims[10:]])
    assert len(answers) == 5000
    assert await rig.counts() == {"accepted": 5000, "ready": 10, "done": 4990}


async def test_more_lanes_than_lua_can_unpack_are_swept(rig: Rig) -> None:
    """A sweep tells of 9,000 lanes with work: with as many agents the queue still moves."""
    run = rig.new_run()
    await rig.queue.submit([rig.spec(run, agent=f"a{number}") for number in range(9000)], run=run)
    assert len((await rig.sweep()).lanes) == 9000


async def test_fences_rise_even_when_the_clock_went_back(rig: Rig) -> None:
    """A fence is above every earlier one, also when the engine's clock is behind the last fence."""
    ahead = (await rig.engine_ms() + 86_400_000) * 1000
    await rig.raw("SET", rig.keys.fence(), str(ahead))
    await rig.submit(3)
    fences = [claim.fence for claim in (*await rig.claim(2), *await rig.claim())]
    assert fences == [ahead + 1, ahead + 2, ahead + 3]


async def test_fences_keep_every_digit(rig: Rig) -> None:
    """Fences beyond 14 digits, where Lua's own formatting rounds, are unique and exact."""
    await rig.raw("SET", rig.keys.fence(), "9007199254740000")
    await rig.submit(2)
    assert [claim.fence for claim in await rig.claim(2)] == [9007199254740001, 9007199254740002]


async def test_an_attempt_counts_errors_and_crashes(rig: Rig) -> None:
    """`attempt` rises with an error and with a crash, not with a release."""
    task_id = await rig.one()
    await rig.queue.release([await rig.hold(task_id)])
    await rig.queue.retry([(await rig.hold(task_id), 0, "e")])
    await rig.hold(task_id)
    await rig.crash(task_id)
    (claim,) = await rig.claim()
    assert (claim.attempt, claim.crashes) == (3, 1)


async def test_a_late_task_is_not_handed_out(rig: Rig) -> None:
    """A task past its deadline dies in the claim; the lane is hinted again, since it gave less than it holds."""
    ids = await rig.submit(3, deadline_ms=9_000_000_000_000)
    await rig.deadline_passes(ids[0])
    async with rig.listening(rig.keys.wake(LANE)) as heard:
        claims = await rig.claim(2)
    assert [claim.id for claim in claims] == [ids[1]]
    assert heard == [LANE]
    dead = await rig.task(ids[0])
    assert (dead.state, dead.error) == ("dead", "deadline")


async def test_what_an_index_holds_wrongly_is_not_handed_out(rig: Rig) -> None:
    """An ended or unknown task that stands in a lane is dropped by the claim, not run a second time."""
    done, good = await rig.submit(2)
    await rig.finish(await rig.hold(done))
    await rig.raw("ZADD", rig.keys.ready(LANE), 0, done, 1, "0" * 18)
    assert [claim.id for claim in await rig.claim(3)] == [good]
    assert await rig.state(done) == "done"


async def test_claims_wait_for_no_room(rig: Rig) -> None:
    """A lane without work, and no lane at all, give no claims and no error."""
    assert await rig.claim(3) == []
    assert await rig.queue.claim("n", "h1", 1000, []) == []


async def test_renewal_prolongs_only_what_is_held(rig: Rig) -> None:
    """Renew answers per claim: OK, CANCEL for one that should stop, STALE for an old fence, GONE for an unknown id."""
    ids = await rig.submit(3)
    claims = await rig.claim(3, lease_ms=1000)
    await rig.queue.cancel([ids[1]])
    proofs = [held(claims[0]), held(claims[1]), held(claims[2], claims[2].fence - 1), held(_unknown(claims[0]))]
    before = await rig.engine_ms()
    assert await rig.queue.renew(60_000, proofs) == [b"OK", b"CANCEL", b"STALE", b"GONE"]
    ends = [int(await rig.raw("ZSCORE", rig.keys.leased(), task_id)) for task_id in ids]
    assert ends[0] >= before + 60_000
    assert ends[1] >= before + 60_000
    assert ends[2] == claims[2].lease_until_ms


async def test_a_refused_command_is_an_error(rig: Rig) -> None:
    """A key of the wrong type is told, not repeated for a minute."""
    rig.dirty = True
    await rig.raw("SET", rig.keys.ready(LANE), "x")
    try:
        await rig.claim()
    except EngineRefusal as refusal:
        assert "WRONGTYPE" in str(refusal)
    else:
        raise AssertionError("the claim was answered")


def _unknown(claim: Claim) -> Claim:
    return msgspec.structs.replace(claim, id="0" * 18)
