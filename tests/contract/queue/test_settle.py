"""The end of an attempt: each verb once, only by the holder, and answered the same when repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.contract.queue.rig import LANE, LONG_MS, Rig

from ezaigents.policy import CrashPolicy
from ezaigents.queue import Held, Queue
from ezaigents.records import PatchState, Result

Verb = Callable[[Queue, Held], Awaitable[str]]


async def _finish(queue: Queue, held: Held) -> str:
    return (await queue.finish([(held, Result(summary="s"))]))[0].value


async def _fail(queue: Queue, held: Held) -> str:
    return (await queue.fail([(held, "e")]))[0].value


async def _retry(queue: Queue, held: Held) -> str:
    return (await queue.retry([(held, 0, "e")]))[0].value


async def _release(queue: Queue, held: Held) -> str:
    return (await queue.release([held]))[0].value


async def _stop(queue: Queue, held: Held) -> str:
    return (await queue.stop_cancelled([held]))[0].value


async def _renew(queue: Queue, held: Held) -> str:
    answer: bytes = (await queue.renew(60_000, [held]))[0]
    return answer.decode()


SETTLING: dict[str, Verb] = {"finish": _finish, "fail": _fail, "retry": _retry, "release": _release, "cancel": _stop}
AFTER = {"finish": "done", "fail": "dead", "retry": "ready", "release": "ready", "cancel": "cancelled"}
settling = pytest.mark.parametrize("verb", SETTLING)


@settling
async def test_each_verb_moves_the_task_and_repeats_its_answer(rig: Rig, verb: str) -> None:
    """The holder's transition is OK, and OK again when its answer was lost, with one effect."""
    task_id = await rig.one()
    held = await rig.hold(task_id)
    assert await SETTLING[verb](rig.queue, held) == "OK"
    once = await rig.task(task_id)
    assert once.state == AFTER[verb]
    events = await rig.raw("XLEN", rig.keys.events())
    assert await SETTLING[verb](rig.queue, held) == "OK"
    assert await rig.task(task_id) == once
    assert await rig.raw("XLEN", rig.keys.events()) == events


@pytest.mark.parametrize("verb", ["retry", "release"])
async def test_a_repeat_is_answered_as_before_though_another_holds_the_task_now(rig: Rig, verb: str) -> None:
    """A hand-back whose answer was lost is OK also when the task was claimed in between, and takes nothing away."""
    task_id = await rig.one()
    held = await rig.hold(task_id)
    await SETTLING[verb](rig.queue, held)
    next_one = await rig.hold(task_id, host="h2")
    assert await SETTLING[verb](rig.queue, held) == "OK"
    task = await rig.task(task_id)
    assert (task.state, task.owner, task.fence) == ("leased", "h2", next_one.fence)


@pytest.mark.parametrize("verb", [*SETTLING, "renew"])
async def test_an_old_fence_changes_nothing(rig: Rig, verb: str) -> None:
    """A holder that lost its claim gets STALE: while the task waits, while another holds it, and when it is done."""
    act = SETTLING.get(verb, _renew)
    task_id = await rig.one()
    old = await rig.hold(task_id)
    await rig.crash(task_id)
    waiting = await rig.task(task_id)
    assert await act(rig.queue, old) == "STALE"
    assert await rig.task(task_id) == waiting
    new = await rig.hold(task_id, host="h2")
    leased = await rig.task(task_id)
    assert await act(rig.queue, old) == "STALE"
    assert await rig.task(task_id) == leased
    assert await rig.finish(new) == "OK"
    done = await rig.task(task_id)
    assert await act(rig.queue, old) == "STALE"
    assert await rig.task(task_id) == done


@settling
async def test_another_verb_than_the_one_made_is_stale(rig: Rig, verb: str) -> None:
    """An attempt ends once: after finish, every other verb of the same claim is STALE."""
    held = await rig.hold(await rig.one())
    await rig.finish(held)
    assert await SETTLING[verb](rig.queue, held) == ("OK" if verb == "finish" else "STALE")


@pytest.mark.parametrize("verb", [*SETTLING, "renew"])
async def test_an_unknown_task_is_gone(rig: Rig, verb: str) -> None:
    """A task that nobody knows is GONE for every verb, and none comes into being."""
    act = SETTLING.get(verb, _renew)
    assert await act(rig.queue, Held("0" * 18, 7)) == "GONE"
    assert await rig.raw("DBSIZE") == 0


async def test_a_batch_is_answered_item_by_item(rig: Rig) -> None:
    """One stale item does not spoil its neighbours; the same item twice is OK twice and counts once."""
    ids = await rig.submit(2)
    holds = [await rig.hold(task_id) for task_id in ids]
    stale = Held(ids[0], holds[0].fence - 1)
    answers = await rig.queue.finish([(held, Result()) for held in (stale, holds[0], holds[1], holds[1])])
    assert [answer.value for answer in answers] == ["STALE", "OK", "OK", "OK"]
    assert await rig.counts() == {"accepted": 2, "done": 2}


async def test_a_result_is_kept_and_the_payload_dropped(rig: Rig) -> None:
    """Finish stores summary, files and cost; the payload has served its turn."""
    task_id = await rig.one(payload="input", deadline_ms=9_000_000_000_000)
    result = Result(summary="s" * 600, report="tasks/r.json", cost_microusd=12, simulated=True)
    await rig.queue.finish([(await rig.hold(task_id), result)])
    task = await rig.task(task_id)
    assert (task.report, task.patch, task.patch_state) == ("tasks/r.json", "", PatchState.NONE)
    assert (task.cost_microusd, task.simulated, task.payload) == (12, True, "")
    assert len(task.summary.encode()) == 512
    assert task.ended_ms >= task.accepted_ms
    assert task.closed == f"{task.fence}:finish"


async def test_a_cost_beyond_doubles_keeps_its_digits(rig: Rig) -> None:
    """2**53 + 1 micro-dollars pass through the script as text, and come back exact."""
    task_id = await rig.one()
    await rig.queue.finish([(await rig.hold(task_id), Result(cost_microusd=2**53 + 1))])
    assert (await rig.task(task_id)).cost_microusd == 2**53 + 1


async def test_an_error_is_cut_to_the_length_of_a_summary(rig: Rig) -> None:
    """However long a failure's text is, the engine keeps 512 bytes of it."""
    first, second = await rig.submit(2)
    await rig.queue.fail([(await rig.hold(first), "x" * 100_000)])
    await rig.queue.retry([(await rig.hold(second), 0, "\udcff" * 1000)])
    assert max(len(task.error.encode()) for task in await rig.queue.tasks([first, second])) == 512


async def test_attempts_are_spent_by_errors_and_end_dead(rig: Rig) -> None:
    """A task is tried `max_attempts` times; the last error is its reason. A repeated retry spends one attempt."""
    task_id = await rig.one(max_attempts=2)
    held = await rig.hold(task_id)
    for _ in range(2):
        await rig.queue.retry([(held, 0, "first")])
    task = await rig.task(task_id)
    assert (task.state, task.attempts, task.error) == ("ready", 1, "first")
    held = await rig.hold(task_id)
    for _ in range(2):
        await rig.queue.retry([(held, 500, "second")])
    task = await rig.task(task_id)
    assert (task.state, task.attempts, task.error) == ("dead", 2, "second")


async def test_a_retry_waits_its_delay_and_keeps_its_place(rig: Rig) -> None:
    """The back-off is a delay; afterwards the task is before those accepted later."""
    first, second = await rig.submit(2)
    held = await rig.hold(first)
    before = await rig.engine_ms()
    async with rig.listening(rig.keys.wake("")) as heard:
        await rig.queue.retry([(held, 90_000, "e")])
    assert heard == [""]
    task = await rig.task(first)
    assert task.state == "delayed"
    assert before + 90_000 <= task.due_ms <= await rig.engine_ms() + 90_000
    assert (await rig.sweep()).next_due_ms == task.due_ms
    await rig.delay_ends(first)
    await rig.queue.promote()
    assert [claim.id for claim in await rig.claim(2)] == [first, second]


async def test_release_spends_no_attempt_and_keeps_the_place(rig: Rig) -> None:
    """A shutdown costs a task nothing, however often."""
    first, second = await rig.submit(2)
    for _ in range(10):
        await rig.queue.release([await rig.hold(first)])
    task = await rig.task(first)
    assert (task.attempts, task.crashes) == (0, 0)
    assert [claim.id for claim in await rig.claim(2)] == [first, second]


@pytest.mark.parametrize("state", ["ready", "delayed", "blocked"])
async def test_cancel_ends_what_nobody_holds(rig: Rig, state: str) -> None:
    """A waiting task is cancelled at once, and again with the same answer."""
    parent = await rig.one()
    await rig.hold(parent)
    waiting: dict[str, dict[str, Any]] = {"delayed": {"delay_ms": LONG_MS}, "blocked": {"parents": (parent,)}}
    task_id = await rig.one(deadline_ms=9_000_000_000_000, **waiting.get(state, {}))
    assert await rig.state(task_id) == state
    for _ in range(2):
        assert await rig.queue.cancel([task_id]) == ["OK"]
    assert await rig.state(task_id) == "cancelled"
    assert await rig.claim() == []


async def test_cancel_asks_the_host_of_a_leased_task(rig: Rig) -> None:
    """The flag is set, the host is told on its channel with the fence, and its own call ends the task."""
    task_id = await rig.one()
    held = await rig.hold(task_id, host="h7")
    async with rig.listening(rig.keys.control("h7")) as heard:
        assert await rig.queue.cancel([task_id]) == ["ASKED"]
    assert heard == [f"cancel {task_id} {held.fence}"]
    assert (await rig.task(task_id)).cancel_requested
    assert await rig.queue.renew(1000, [held]) == [b"CANCEL"]
    assert (await rig.queue.stop_cancelled([held]))[0].value == "OK"
    assert await rig.state(task_id) == "cancelled"


async def test_cancel_does_not_touch_what_has_ended(rig: Rig) -> None:
    """Done and dead tasks answer STALE, unknown ones GONE."""
    done, dead = await rig.submit(2)
    await rig.finish(await rig.hold(done))
    await rig.queue.fail([(await rig.hold(dead), "e")])
    assert await rig.queue.cancel([done, dead, "0" * 18]) == ["STALE", "STALE", "GONE"]


@pytest.mark.parametrize("way", ["retry", "retry later", "release", "crash"])
async def test_a_task_to_be_cancelled_is_not_tried_again(rig: Rig, way: str) -> None:
    """When its holder gives it back for whatever reason, a task with the cancel flag ends cancelled."""
    task_id = await rig.one()
    held = await rig.hold(task_id)
    await rig.queue.cancel([task_id])
    await _give_back(rig, held, way)
    assert await rig.state(task_id) == "cancelled"


@pytest.mark.parametrize("way", ["retry", "retry later", "release", "crash"])
async def test_a_task_past_its_deadline_is_not_tried_again(rig: Rig, way: str) -> None:
    """A leased task is its holder's to end; given back after its deadline it is dead with reason `deadline`."""
    task_id = await rig.one(deadline_ms=9_000_000_000_000)
    held = await rig.hold(task_id)
    await rig.deadline_passes(task_id)
    await rig.queue.promote()
    assert await rig.state(task_id) == "leased"
    await _give_back(rig, held, way)
    task = await rig.task(task_id)
    assert (task.state, task.error) == ("dead", "deadline")
    assert (await rig.sweep()).lanes == ()


async def _give_back(rig: Rig, held: Held, way: str) -> None:
    if way == "crash":
        await rig.lease_ends(held.id)
        await rig.queue.reap(CrashPolicy())
    elif way == "release":
        await rig.queue.release([held])
    else:
        await rig.queue.retry([(held, 5000 if way == "retry later" else 0, "e")])


async def test_what_is_given_back_is_hinted(rig: Rig) -> None:
    """Every way back to ready wakes the lane, so that no host has to look by the clock."""
    ids = await rig.submit(4)
    holds = [await rig.hold(task_id) for task_id in ids]
    async with rig.listening(rig.keys.wake(LANE)) as heard:
        await rig.queue.release([holds[0]])
        await rig.queue.retry([(holds[1], 0, "e")])
        await rig.crash(ids[2])
        await rig.queue.fail([(holds[3], "e")])
        await rig.queue.revive([ids[3]])
    assert heard == [LANE] * 4
