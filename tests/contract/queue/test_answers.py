"""A task that asks a person: it waits without a slot, is answered once, and finds the answer in its next claim."""

from __future__ import annotations

import pytest
from tests.contract.queue.rig import LANE, LONG_MS, Rig, held

from ezaigents.errors import InputError
from ezaigents.policy import CrashPolicy
from ezaigents.queue import ANSWER_WITHIN_MS, Held
from ezaigents.records import Approval, Claim, Result

TEXT = "command: make test"
WEEK_MS = 7 * 86_400_000


async def _asking(rig: Rig, question: str = "q1", **fields: object) -> str:
    """A task that waits for the answer to this."""
    task_id = await rig.one(**fields)
    await rig.queue.ask([(await rig.hold(task_id), question, TEXT)])
    return task_id


async def _answered(rig: Rig, task_id: str, verdict: Approval, question: str = "q1", why: str = "") -> str:
    return (await rig.queue.answer(task_id, question, verdict, who="ann", why=why)).value


async def _next(rig: Rig, task_id: str) -> Claim:
    """Its next claim."""
    await rig.settle_children()
    (claim,) = [claim for claim in await rig.claim(9) if claim.id == task_id]
    return claim


async def test_a_task_that_asks_is_delayed_and_spends_nothing(rig: Rig) -> None:
    """It holds no slot and no attempt, is due in a week, and says what it asks."""
    task_id = await _asking(rig, max_attempts=1)
    task = await rig.task(task_id)
    assert (task.state, task.attempts, task.asks, task.asks_id) == ("delayed", 0, TEXT, "q1")
    assert task.waits_for_answer
    assert await rig.claim() == []
    assert ANSWER_WITHIN_MS == WEEK_MS
    left_ms = task.due_ms - await rig.engine_ms()
    assert WEEK_MS - LONG_MS < left_ms <= WEEK_MS


@pytest.mark.parametrize("verdict", [Approval.APPROVE, Approval.DENY])
async def test_the_answer_is_in_the_next_claim(rig: Rig, verdict: Approval) -> None:
    """Answered, it is due at once and hosts are told to look; the claim has the answer, and the words with it."""
    task_id = await _asking(rig)
    async with rig.listening(rig.keys.wake("")) as heard:
        assert await _answered(rig, task_id, verdict, why="because") == "OK"
    assert heard == [""]
    task = await rig.task(task_id)
    assert (task.asks, task.asks_id, task.answer_by) == ("", "", "ann")
    assert not task.waits_for_answer
    claim = await _next(rig, task_id)
    assert (claim.answers, claim.answer_why, claim.attempt) == ({"q1": verdict}, "because", 1)
    assert await rig.finish(held(claim)) == "OK"


async def test_a_claim_that_is_repeated_has_the_answers_too(rig: Rig) -> None:
    """The same nonce gets the same claim, answers included."""
    task_id = await _asking(rig)
    await _answered(rig, task_id, Approval.APPROVE, why="go")
    await rig.settle_children()
    first, again = [await rig.queue.claim("nonce", "h1", LONG_MS, [(LANE, 1)]) for _ in range(2)]
    assert first == again
    assert (again[0].answers, again[0].answer_why) == ({"q1": Approval.APPROVE}, "go")


async def test_an_answer_is_given_once(rig: Rig) -> None:
    """The same answer again is OK and changes nothing, another one is STALE; also when the task has gone on since."""
    task_id = await _asking(rig)
    assert await _answered(rig, task_id, Approval.DENY, why="no") == "OK"
    before = await rig.task(task_id)
    assert await _answered(rig, task_id, Approval.DENY, why="never") == "OK"
    assert await _answered(rig, task_id, Approval.APPROVE) == "STALE"
    assert await rig.task(task_id) == before
    await _next(rig, task_id)
    assert await _answered(rig, task_id, Approval.DENY) == "OK"
    assert await _answered(rig, task_id, Approval.APPROVE) == "STALE"


async def test_only_the_question_that_is_asked_can_be_answered(rig: Rig) -> None:
    """What was read before something else was asked allows nothing; an unknown task is GONE."""
    task_id = await _asking(rig, "q2")
    assert await _answered(rig, task_id, Approval.APPROVE, "q1") == "STALE"
    assert await _answered(rig, rig.make_id(), Approval.APPROVE) == "GONE"
    assert await _answered(rig, await rig.one(), Approval.APPROVE) == "STALE"
    assert (await rig.task(task_id)).answers == {}


async def test_without_an_answer_it_is_denied_in_the_end(rig: Rig) -> None:
    """When its time is over it is ready again, and finds that nobody has answered; a late answer changes nothing."""
    task_id = await _asking(rig)
    await rig.delay_ends(task_id)
    claim = await _next(rig, task_id)
    assert (claim.answers, claim.attempt) == ({"q1": Approval.EXPIRED}, 1)
    assert await _answered(rig, task_id, Approval.APPROVE) == "STALE"


async def test_a_delay_is_no_question(rig: Rig) -> None:
    """A task that is only delayed can be answered nothing, and finds no answer when it is due."""
    task_id = await rig.one(delay_ms=LONG_MS)
    assert await _answered(rig, task_id, Approval.APPROVE) == "STALE"
    await rig.delay_ends(task_id)
    assert (await _next(rig, task_id)).answers == {}


async def test_answers_gather_and_a_question_asked_again_is_open_again(rig: Rig) -> None:
    """Each attempt knows what was answered before; the same question again makes its older answer void."""
    task_id = await _asking(rig)
    await _answered(rig, task_id, Approval.DENY)
    claim = await _next(rig, task_id)
    await rig.queue.ask([(held(claim), "q2", TEXT)])
    await _answered(rig, task_id, Approval.APPROVE, "q2")
    claim = await _next(rig, task_id)
    assert claim.answers == {"q1": Approval.DENY, "q2": Approval.APPROVE}
    await rig.queue.ask([(held(claim), "q1", TEXT)])
    assert (await rig.task(task_id)).answers == {"q2": Approval.APPROVE}
    assert await _answered(rig, task_id, Approval.APPROVE) == "OK"
    assert (await _next(rig, task_id)).answers == {"q2": Approval.APPROVE, "q1": Approval.APPROVE}


async def test_answers_are_bounded(rig: Rig) -> None:
    """Of a task's answers the newest 32 are kept."""
    task_id = await rig.one()
    claim = await _next(rig, task_id)
    for number in range(34):
        await rig.queue.ask([(held(claim), f"q{number}", TEXT)])
        await _answered(rig, task_id, Approval.APPROVE, f"q{number}")
        claim = await _next(rig, task_id)
    assert list(claim.answers) == [f"q{number}" for number in range(2, 34)]


async def test_an_answer_outlives_a_crash(rig: Rig) -> None:
    """The host that was told dies: the next one is told the same."""
    task_id = await _asking(rig)
    await _answered(rig, task_id, Approval.APPROVE)
    await _next(rig, task_id)
    await rig.crash(task_id)
    assert (await _next(rig, task_id)).answers == {"q1": Approval.APPROVE}


async def test_a_dead_host_takes_no_question_with_it(rig: Rig) -> None:
    """A task that waits is nobody's: reaping its last host leaves it as it is."""
    task_id = await _asking(rig)
    assert await rig.queue.reap(CrashPolicy(), owner="h1") == []
    assert (await rig.task(task_id)).waits_for_answer


async def test_a_task_that_waits_can_be_cancelled(rig: Rig) -> None:
    """It ends at once; what it asked is open no more, and it is purged like any other."""
    task_id = await _asking(rig)
    assert await rig.queue.cancel([task_id]) == ["OK"]
    assert not (await rig.task(task_id)).waits_for_answer
    assert await _answered(rig, task_id, Approval.APPROVE) == "STALE"
    assert await rig.queue.purge([task_id]) == 1


async def test_a_task_that_waits_dies_at_its_deadline(rig: Rig) -> None:
    """Waiting for a person does not outlast the deadline, however long the person may take."""
    task_id = await _asking(rig, deadline_ms=9_000_000_000_000)
    await rig.deadline_passes(task_id)
    await rig.settle_children()
    task = await rig.task(task_id)
    assert (task.state, task.error) == ("dead", "deadline")
    assert not task.waits_for_answer


async def test_a_task_to_be_cancelled_asks_nothing(rig: Rig) -> None:
    """Cancelled while it ran, it ends when its holder hands it back with a question."""
    task_id = await rig.one()
    proof = await rig.hold(task_id)
    await rig.queue.cancel([task_id])
    await rig.queue.ask([(proof, "q1", TEXT)])
    task = await rig.task(task_id)
    assert (task.state, task.asks_id) == ("cancelled", "")


async def test_a_late_holder_asks_nothing(rig: Rig) -> None:
    """A holder whose claim was lost cannot put a question to the task; its own question again is OK."""
    task_id = await rig.one()
    old = await rig.hold(task_id)
    await rig.crash(task_id)
    claim = await _next(rig, task_id)
    assert [a.value for a in await rig.queue.ask([(old, "q1", TEXT)])] == ["STALE"]
    assert [a.value for a in await rig.queue.ask([(Held(rig.make_id(), 1), "q1", TEXT)])] == ["GONE"]
    for _ in range(2):
        assert [a.value for a in await rig.queue.ask([(held(claim), "q2", TEXT)])] == ["OK"]
    assert (await rig.task(task_id)).asks_id == "q2"


async def test_an_operators_retry_forgets_what_was_answered(rig: Rig) -> None:
    """Tried again from the start, it has to ask again."""
    task_id = await _asking(rig)
    await _answered(rig, task_id, Approval.DENY, why="no")
    claim = await _next(rig, task_id)
    await rig.queue.fail([(held(claim), "denied")])
    await rig.queue.revive([task_id])
    claim = await _next(rig, task_id)
    assert (claim.answers, claim.answer_why) == ({}, "")
    cancelled = await _asking(rig)
    await rig.queue.cancel([cancelled])
    await rig.queue.revive([cancelled])
    assert (await rig.task(cancelled)).asks_id == ""


async def test_a_question_that_cannot_be_kept_as_it_is_is_refused(rig: Rig) -> None:
    """Nothing is cut off what a person is to decide, and nothing in it can be taken for an answer."""
    proof = await rig.hold(await rig.one())
    for question, text in [("q1", "x" * 401), ("q1", "\udc80"), ("", "x"), ("q1=approve", "x"), ("q 1", "x")]:
        with pytest.raises(InputError):
            await rig.queue.ask([(proof, question, text)])
    assert await rig.state(proof.id) == "leased"


async def test_what_a_model_used_is_kept(rig: Rig) -> None:
    """Calls, tokens and that a limit cut the work short are in the task's record; a run keeps its own budget."""
    run = rig.new_run(budget_microusd=2**60 + 1, record=True)
    task_id = await rig.one(run=run)
    await rig.finish(await rig.hold(task_id), summary="s", partial=True, calls=7, tokens=2**60 + 1)
    task = await rig.task(task_id)
    assert (task.partial, task.calls, task.tokens) == (True, 7, 2**60 + 1)
    kept = await rig.queue.run(run.id)
    assert kept is not None
    assert (kept.budget_microusd, kept.record) == (2**60 + 1, True)
    plain = await rig.one()
    await rig.queue.finish([(await rig.hold(plain), Result())])
    task = await rig.task(plain)
    assert (task.partial, task.calls, task.tokens) == (False, 0, 0)
